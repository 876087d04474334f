"""The functions' IAM policies against the calls to AWS that the functions make.

A call that the function's role does not allow fails here, and so does a grant that no call needs:
moto itself looks at no policy.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.yaml_helper import yaml_parse

from chatbot import bootstrap
from chatbot.adapters.dynamodb.guesses import GUESS
from chatbot.adapters.dynamodb.newcomers import NEW
from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.dynamodb.waiting import WAITING
from chatbot.bootstrap import setup, web, webhook, worker
from chatbot.core.key import TurnKey
from chatbot.core.message import Author
from chatbot.core.turn import Origin, Reply, State, Turn
from chatbot.edge.http import Handler
from local import config
from local.cloud.event_source import to_event
from local.http.server import serve
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.people import CHANNELS, Person, Post, Signer
from local.standins.telegram import TelegramStandIn
from tests.component.conftest import TEMPLATE, Aws
from tests.fakes.clock import NOON

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("webhook", "worker", "web", "setup")
SETTINGS = config.DEVELOPMENT
ORIGIN = "http://chat.example"
Grant = tuple[str, str]  # action, logical id of the resource, or the parameter's name

# What Lambda does with the role besides the code (AWS Lambda guide, "Using Lambda with Amazon SQS",
# "Sending Lambda function logs to CloudWatch Logs").
LOGGING = {"logs:CreateLogStream", "logs:PutLogEvents"}
POLLING = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}

_PARTS = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}


@dataclass(frozen=True)
class Context:
    aws_request_id: str = "request"
    seconds: int = 60

    def get_remaining_time_in_millis(self) -> int:
        return self.seconds * 1000


@dataclass
class Calls:
    """A function's calls to AWS. `names` are logical ids by physical ones."""

    names: Mapping[str, str]
    made: set[Grant] = field(default_factory=set)

    def hear(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        service, operation = model.service_model.service_name, model.name
        if service == "ssm":
            self.made |= {(f"ssm:{operation}", name.rpartition("/")[2]) for name in params["Names"]}
        elif service == "sqs":
            queue = self.names[params["QueueUrl"]]
            self.made.add((f"sqs:{operation.removesuffix('Batch')}", queue))
        elif service == "s3":
            action = {
                "HeadObject": "GetObject",
                "DeleteObjects": "DeleteObject",
                "ListObjectsV2": "ListBucket",
            }
            bucket = self.names[params["Bucket"]]
            self.made.add((f"s3:{action.get(operation, operation)}", bucket))
        elif operation == "TransactWriteItems":
            for item in params["TransactItems"]:
                ((part, inner),) = item.items()
                self.made.add((_PARTS[part], self.names[inner["TableName"]]))
        elif operation == "BatchWriteItem":
            self.made |= {(f"dynamodb:{operation}", self.names[t]) for t in params["RequestItems"]}
        else:
            assert service == "dynamodb", service
            self.made.add((f"dynamodb:{operation}", self.names[params["TableName"]]))


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = yaml_parse(TEMPLATE.read_text())["Resources"]
    return found


def _function(resources: dict[str, Any], name: str) -> dict[str, Any]:
    properties: dict[str, Any] = resources[f"{name.title()}Function"]["Properties"]
    return properties


def granted(resources: dict[str, Any], function: str) -> set[Grant]:
    """Return what the function's role allows, with default parameters."""
    role = resources[_place(_function(resources, function)["Role"])]
    (policy,) = role["Properties"]["Policies"]
    grants = set()
    for statement in policy["PolicyDocument"]["Statement"]:
        if "Fn::If" in statement:
            condition, _, otherwise = statement["Fn::If"]
            assert (condition, otherwise) == ("OwnKey", {"Ref": "AWS::NoValue"})
            continue
        actions, places = statement["Action"], statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            for place in places if isinstance(places, list) else [places]:
                grants.add((action, _place(place)))
    return grants


def _place(resource: dict[str, Any]) -> str:
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    text = str(resource["Fn::Sub"])
    return text[2:].removesuffix(".Arn}/*") if text.endswith("/*") else text.rpartition("/")[2]


def by_lambda(resources: dict[str, Any], function: str) -> set[Grant]:
    """Return the calls that Lambda itself makes with the function's role."""
    properties = _function(resources, function)
    group = properties["LoggingConfig"]["LogGroup"]["Ref"]
    queues = [
        _place(event["Properties"]["Queue"])
        for event in properties.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    return {(action, group) for action in LOGGING} | {
        (action, queue) for action in POLLING for queue in queues
    }


class Bot:
    """All functions, built as deployed, with moto's AWS and stand-ins of everything else."""

    def __init__(self, aws: Aws, resources: dict[str, Any], served: Mapping[str, str]) -> None:
        self.aws = aws
        self._resources = resources
        self.calls = {
            name: Calls({physical: logical for logical, physical in aws.names.items()})
            for name in FUNCTIONS
        }
        chosen = {"HISTORY_TURNS": "0", "SETTLE": "1s", "WEB_NEW_SESSIONS": "9"}
        _store({**SETTINGS, **served, **chosen})
        makers: dict[str, Callable[[dict[str, str]], Handler]] = {
            "webhook": webhook.build,
            "worker": worker.build,
            "web": lambda environ: web.build(environ, ROOT / "functions" / "web"),
            "setup": setup.build,
        }
        self._handlers = {name: self._build(name, makers[name]) for name in FUNCTIONS}

    def _build(self, name: str, make: Callable[[dict[str, str]], Handler]) -> Handler:
        """Build a function with a session of its own, whose clients record their calls."""
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register(
            "before-parameter-build", self.calls[name].hear, unique_id=name
        )
        try:
            return make(self._environ(name))
        finally:
            boto3.DEFAULT_SESSION = None

    def _environ(self, name: str) -> dict[str, str]:
        """Return the function's environment in the template, with references resolved."""
        variables = _function(self._resources, name)["Environment"]["Variables"]
        values = {
            key: self.aws.names.get(value.get("Ref", ""), "") if isinstance(value, dict) else value
            for key, value in variables.items()
        }
        return {"PARAMETER_PATH": "/chatbot", **values}

    def call(self, name: str, event: Mapping[str, Any]) -> dict[str, Any]:
        return self._handlers[name](event, Context())

    def post(self, post: Post) -> None:
        headers = {"host": ORIGIN.partition("//")[2], **post.headers}
        answer = self.call("webhook", _http("POST", post.path, headers, post.body.decode()))
        assert answer["statusCode"] in (200, 202), answer

    def work(self) -> list[str]:
        """Run the worker with the queue's messages. Returns the ids of those that failed."""
        url = self.aws.names["MessageQueue"]
        messages = self.aws.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        assert messages
        answer = self.call("worker", to_event(messages, "arn"))
        again = [item["itemIdentifier"] for item in answer["batchItemFailures"]]
        for message in messages:
            if message["MessageId"] not in again:
                self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return again


def _store(settings: Mapping[str, str]) -> None:
    ssm = boto3.client("ssm")
    plain = {name: value for name, value in settings.items() if name not in config.SECRETS}
    for name in config.SECRETS & settings.keys():
        ssm.put_parameter(Name=f"/chatbot/{name}", Value=settings[name], Type="SecureString")
    ssm.put_parameter(Name="/chatbot/SETTINGS", Value=json.dumps(plain), Type="String")


def _http(method: str, path: str, headers: Mapping[str, str], body: str = "") -> dict[str, Any]:
    cookies = [headers["cookie"]] if "cookie" in headers else []
    return {
        "rawPath": path,
        "headers": dict(headers),
        "cookies": cookies,
        "requestContext": {"http": {"method": method, "path": path}},
        "body": body,
    }


@pytest.fixture
def bot(aws: Aws, resources: dict[str, Any]) -> Iterator[Bot]:
    with ExitStack() as closing:
        served = {}
        for name, standin, suffix in (
            ("TELEGRAM_API_URL", TelegramStandIn(SETTINGS["TELEGRAM_BOT_TOKEN"]), ""),
            (
                "GRAPH_API_URL",
                GraphStandIn(
                    app_id=SETTINGS["MESSENGER_APP_ID"],
                    app_secret=SETTINGS["MESSENGER_APP_SECRET"],
                    page_id=SETTINGS["MESSENGER_PAGE_ID"],
                    page_token=SETTINGS["MESSENGER_PAGE_TOKEN"],
                ),
                "/v26.0",
            ),
            ("OPENAI_BASE_URL", OpenAIStandIn(SETTINGS["OPENAI_API_KEY"]), "/v1"),
        ):
            running = serve(standin)
            closing.callback(running.close)
            served[name] = running.url + suffix
        yield Bot(aws, resources, served)


def _long_history(bot: Bot, person: Person) -> None:
    conversation = person.conversation("telegram")
    table = Table(bot.aws.dynamodb, bot.aws.names["ConversationTable"], lambda: NOON, 90)
    for number in range(20):
        turn = Turn(
            key=TurnKey.of(conversation, NOON + number, f"{number}:message"),
            channel="telegram",
            author=Author("1"),
            text="Once",
            reply=Reply("Upon a time"),
            state=State.DELIVERED,
            origin=Origin.MODEL,
        )
        table.put(turn)


def live(bot: Bot) -> None:
    """Make every call to AWS that the functions can make."""
    person = Person("ada", Signer(SETTINGS))
    for channel in CHANNELS:
        bot.post(person.write(channel, "Hello", ORIGIN))
        assert bot.work() == []
    for text in ("/start", "/reset", "/forget", "/help"):
        bot.post(person.telegram(text))
        assert bot.work() == []
    bot.post(person.telegram("/stop"))
    _long_history(bot, person)
    # Older than all that the window shows: looked up by its key.
    bot.post(person.telegram("Late", date=NOON // 1000 - 86_400))
    assert bot.work() == []
    bot.aws.sqs.send_message(
        QueueUrl=bot.aws.names["MessageQueue"],
        MessageBody="not an envelope",
        MessageGroupId="telegram:1",
        MessageDeduplicationId=uuid.uuid4().hex,
    )
    assert bot.work() == []  # it is in the dead letters
    cookie = person.signer.web_cookie(person.session)
    bot.post(person.web("/image a red fox", ORIGIN))
    assert bot.work() == []
    turns = bot.call("web", _http("GET", "/web/messages", {"cookie": cookie}))
    made = json.loads(turns["body"])["turns"][-1]["made"]
    for path, status in (("/", 200), ("/web/messages", 200), (made["url"], 302)):
        assert bot.call("web", _http("GET", path, {"cookie": cookie}))["statusCode"] == status
    assert bot.call("web", _http("GET", "/", {}))["cookies"]  # a new visitor
    bot.post(person.web("/forget yes", ORIGIN))
    assert bot.work() == []
    for _ in range(12):  # more than anybody writes: counted from the eleventh on
        bot.post(person.telegram("And?"))
    assert bot.work() == []
    bot.call("setup", {"RequestType": "Delete", "ResourceProperties": {"Url": ORIGIN}})


def test_policies_grant_what_is_used_and_nothing_else(bot: Bot, resources: dict[str, Any]) -> None:
    live(bot)
    for name in FUNCTIONS:
        used = bot.calls[name].made | by_lambda(resources, name)
        allowed = granted(resources, name)
        assert used - allowed == set(), f"{name} may not do what it does"
        assert allowed - used == set(), f"{name} may do what it never does"


@pytest.mark.parametrize(
    ("function", "items"), [("Web", [f"{NEW}:*"]), ("Webhook", [f"{WAITING}:*", f"{GUESS}:*"])]
)
def test_functions_of_the_http_api_update_nothing_but_their_counts(
    resources: dict[str, Any], function: str, items: list[str]
) -> None:
    (policy,) = resources[f"{function}Role"]["Properties"]["Policies"]
    statements = [each for each in policy["PolicyDocument"]["Statement"] if "Action" in each]
    (writes,) = [each for each in statements if "UpdateItem" in str(each["Action"])]
    assert writes["Action"] == "dynamodb:UpdateItem"
    # AWS IAM guide, "Using IAM policy conditions for fine-grained access control" of DynamoDB.
    assert writes["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": items}}


def test_every_function_of_the_template_is_tried(resources: dict[str, Any]) -> None:
    functions = {
        name.removesuffix("Function").lower()
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert functions == set(FUNCTIONS)
    assert {path.stem for path in Path(bootstrap.__path__[0]).glob("*.py")} == functions | {
        "__init__",
        "aws",
        "channels",
        "handler",
        "registration",
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_key_of_ones_own_may_be_used_where_it_must(
    resources: dict[str, Any], function: str
) -> None:
    """Senders to SQS need kms:GenerateDataKey, readers of SQS and SSM kms:Decrypt (KMS guide)."""
    role = resources[f"{function.title()}Role"]["Properties"]
    (policy,) = role["Policies"]
    (statement,) = (
        statement["Fn::If"][1]
        for statement in policy["PolicyDocument"]["Statement"]
        if "Fn::If" in statement
    )
    sends = any(action == "sqs:SendMessage" for action, _ in granted(resources, function))
    actions = statement["Action"]
    assert actions == (["kms:Decrypt", "kms:GenerateDataKey"] if sends else "kms:Decrypt")
    assert statement["Resource"] == {"Ref": "KmsKeyArn"}
    assert not re.search(r"\*", json.dumps(statement))
