"""What `sam deploy` would create: template.yaml, translated to CloudFormation.

Only what moto ignores or does not check is tested here; the rest is shown by the tests that use
tables and queues created from the template.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from chatbot import __version__
from chatbot.bootstrap.channels import CHANNELS
from chatbot.core.limits import QUEUE_DAYS, VISIBILITY_TIMES
from chatbot.core.settings import secrets_of

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
FUNCTIONS = {
    "webhook": "WebhookFunction",
    "worker": "WorkerFunction",
    "web": "WebFunction",
    "setup": "SetupFunction",
}
QUEUES = ("MessageQueue", "DeadLetterQueue")
NO_VALUE = {"Ref": "AWS::NoValue"}
FOURTEEN_DAYS = QUEUE_DAYS * 24 * 3600  # people are told twice as many: there are two queues


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    """The CloudFormation template that SAM makes of template.yaml."""
    source = yaml_parse(TEMPLATE.read_text())
    for resource in source["Resources"].values():
        for key in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][key] = "s3://bucket/key"  # the translator refuses folders
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        result: dict[str, Any] = Translator({}, Parser()).translate(source, {})
    return result


@pytest.fixture(scope="module")
def properties(translated: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties by logical id, with default parameters."""
    return {
        name: _at_defaults(resource["Properties"], translated)
        for name, resource in translated["Resources"].items()
    }


def _at_defaults(value: Any, template: dict[str, Any], **chosen: str) -> Any:
    match value:
        case {"Ref": name} if name in template["Parameters"]:
            return chosen.get(name, template["Parameters"][name]["Default"])
        case {"Fn::FindInMap": [name, first, second]}:
            keys = [_at_defaults(key, template, **chosen) for key in (first, second)]
            return template["Mappings"][name][keys[0]][keys[1]]
        case {"Fn::If": [condition, so, otherwise]}:
            holds = _at_defaults(template["Conditions"][condition], template, **chosen)
            return _at_defaults(so if holds else otherwise, template, **chosen)
        case {"Fn::Equals": [one, other]}:
            one, other = (_at_defaults(item, template, **chosen) for item in (one, other))
            return str(one) == str(other)
        case {"Fn::Not": [condition]}:
            return not _at_defaults(condition, template, **chosen)
        case dict():
            made = {key: _at_defaults(item, template, **chosen) for key, item in value.items()}
            return {key: item for key, item in made.items() if item != NO_VALUE}
        case list():
            items = [_at_defaults(item, template, **chosen) for item in value]
            return [item for item in items if item != NO_VALUE]
    return value


def _statements(role: dict[str, Any]) -> list[dict[str, Any]]:
    (policy,) = role["Policies"]
    statements: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return statements


def _actions(statement: dict[str, Any]) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


def _role(properties: dict[str, dict[str, Any]], function: str) -> dict[str, Any]:
    arn = properties[FUNCTIONS[function]]["Role"]["Fn::GetAtt"]
    return properties[arn[0]]


def test_the_translation_is_good_cloudformation(translated: dict[str, Any]) -> None:
    found = lint(json.dumps(translated), config=ManualArgs(regions=["eu-central-1", "us-east-1"]))
    assert [f"{match.rule.id} {match.message}" for match in found] == []


def test_routes_lead_to_their_functions(properties: dict[str, dict[str, Any]]) -> None:
    routes = {}
    for path, methods in properties["Api"]["Body"]["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            assert integration["payloadFormatVersion"] == "2.0"
            uri = integration["uri"]["Fn::Sub"]
            routes[f"{method.upper()} {path}"] = uri.split("${")[-1].split(".")[0]
    assert routes == {
        **{route: "WebhookFunction" for channel in CHANNELS for route in channel.routes},
        "GET /": "WebFunction",
        "GET /assets/{file}": "WebFunction",
        "GET /web/messages": "WebFunction",
        "GET /web/files/{name}": "WebFunction",
    }


def test_every_route_is_throttled(properties: dict[str, dict[str, Any]]) -> None:
    settings = properties["ApiApiGatewayDefaultStage"]["DefaultRouteSettings"]
    assert settings == {"ThrottlingRateLimit": 100, "ThrottlingBurstLimit": 200}


def test_nobody_may_call_the_api_of_another_origin(properties: dict[str, dict[str, Any]]) -> None:
    assert "CorsConfiguration" not in properties["Api"]
    assert "x-amazon-apigateway-cors" not in properties["Api"]["Body"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_run_on_arm_with_both_layers(
    properties: dict[str, dict[str, Any]], function: str
) -> None:
    made = properties[FUNCTIONS[function]]
    assert made["Runtime"] == "python3.13"
    assert made["Architectures"] == ["arm64"]
    layers = [layer["Ref"] for layer in made["Layers"]]
    assert [name.startswith(("DependenciesLayer", "ChatbotLayer")) for name in layers] == [True] * 2
    for layer in layers:
        assert properties[layer]["CompatibleArchitectures"] == ["arm64", "x86_64"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_log_to_groups_that_forget(
    properties: dict[str, dict[str, Any]], function: str
) -> None:
    group = properties[FUNCTIONS[function]]["LoggingConfig"]["LogGroup"]["Ref"]
    assert properties[group]["RetentionInDays"] == 30


@pytest.mark.parametrize(
    ("function", "names"),
    [
        ("webhook", {"QUEUE_URL", "TABLE_NAME"}),
        (
            "worker",
            {"QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "TABLE_NAME", "FILES_BUCKET"}
            | {"MALLOC_MMAP_THRESHOLD_"},
        ),
        ("web", {"TABLE_NAME", "FILES_BUCKET", "FILES_ORIGIN"}),
        ("setup", set()),
    ],
)
def test_functions_are_told_what_they_use(
    properties: dict[str, dict[str, Any]], function: str, names: set[str]
) -> None:
    variables = properties[FUNCTIONS[function]]["Environment"]["Variables"]
    common = {"PARAMETER_PATH", "LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE"}
    assert variables.keys() == common | {"AWS_ENDPOINT_URL", "POWERTOOLS_SERVICE_NAME"} | names
    assert variables["AWS_ENDPOINT_URL"] == "", "there for sam local alone"
    assert variables["POWERTOOLS_SERVICE_NAME"] == function


def test_a_web_answer_comes_before_the_api_gives_up(translated: dict[str, Any]) -> None:
    assert translated["Parameters"]["WebhookTimeout"]["MaxValue"] < 30


def test_the_queue_hides_a_record_for_six_timeouts(translated: dict[str, Any]) -> None:
    resources = translated["Resources"]
    for chosen in translated["Parameters"]["WorkerTimeout"]["AllowedValues"]:
        timeout, visibility = (
            _at_defaults(value, translated, WorkerTimeout=chosen)
            for value in (
                resources["WorkerFunction"]["Properties"]["Timeout"],
                resources["MessageQueue"]["Properties"]["VisibilityTimeout"],
            )
        )
        assert visibility == VISIBILITY_TIMES * int(timeout)


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_are_fast_fifo_queues(properties: dict[str, dict[str, Any]], queue: str) -> None:
    made = properties[queue]
    assert made["FifoQueue"] is True
    assert made["QueueName"]["Fn::Sub"].endswith(".fifo")
    assert made["DeduplicationScope"] == "messageGroup"
    assert made["FifoThroughputLimit"] == "perMessageGroupId"


@pytest.mark.parametrize("queue", QUEUES)
def test_queues_keep_what_they_hold_long_and_secret(
    properties: dict[str, dict[str, Any]], queue: str
) -> None:
    assert properties[queue]["MessageRetentionPeriod"] == FOURTEEN_DAYS
    assert properties[queue]["SqsManagedSseEnabled"] is True
    (statement,) = properties[f"{queue}Policy"]["PolicyDocument"]["Statement"]
    assert properties[f"{queue}Policy"]["Queues"] == [{"Ref": queue}]
    assert statement["Effect"] == "Deny"
    assert statement["Action"] == "sqs:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_a_key_of_ones_own_encrypts_queues_and_table(translated: dict[str, Any]) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/0"
    resources = _at_defaults(translated["Resources"], translated, KmsKeyArn=key)
    for queue in QUEUES:
        made = resources[queue]["Properties"]
        assert made["KmsMasterKeyId"] == key
        assert "SqsManagedSseEnabled" not in made  # SQS refuses both
    table = resources["ConversationTable"]["Properties"]
    assert table["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": key,
    }


def test_made_files_are_private_and_go_by_themselves(
    translated: dict[str, Any], properties: dict[str, dict[str, Any]]
) -> None:
    resource = translated["Resources"]["FilesBucket"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    bucket = properties["FilesBucket"]
    assert "BucketName" not in bucket  # a retained bucket would stand in the next stack's way
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"] >= 2 * 14) == ("Enabled", True)
    assert _encryption(bucket) == {"SSEAlgorithm": "AES256"}
    key = "arn:aws:kms:eu-central-1:123456789012:key/0"
    own = _at_defaults(resource["Properties"], translated, KmsKeyArn=key)
    assert _encryption(own) == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    (statement,) = properties["FilesBucketPolicy"]["PolicyDocument"]["Statement"]
    assert properties["FilesBucketPolicy"]["Bucket"] == {"Ref": "FilesBucket"}
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def _encryption(bucket: dict[str, Any]) -> dict[str, Any]:
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    encryption: dict[str, Any] = rule["ServerSideEncryptionByDefault"]
    return encryption


def test_dead_letters_come_from_the_queue_alone(properties: dict[str, dict[str, Any]]) -> None:
    assert properties["MessageQueue"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
        "maxReceiveCount": 100,
    }
    allowed = properties["DeadLetterQueue"]["RedriveAllowPolicy"]
    assert allowed["redrivePermission"] == "byQueue"
    (source,) = allowed["sourceQueueArns"]
    name = properties["MessageQueue"]["QueueName"]["Fn::Sub"]
    assert source["Fn::Sub"].endswith(f":{name}")


def test_the_worker_takes_batches_and_says_which_record_failed(
    properties: dict[str, dict[str, Any]],
) -> None:
    mapping = properties["WorkerFunctionMessages"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["MessageQueue", "Arn"]}
    assert mapping["BatchSize"] == 10
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert "MaximumBatchingWindowInSeconds" not in mapping  # FIFO queues have none


def test_the_table_outlives_its_stack_and_its_mistakes(
    translated: dict[str, Any], properties: dict[str, dict[str, Any]]
) -> None:
    resource = translated["Resources"]["ConversationTable"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    table = properties["ConversationTable"]
    assert "TableName" not in table  # a retained table would stand in the next stack's way
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_roles_name_actions_and_resources(
    properties: dict[str, dict[str, Any]], function: str
) -> None:
    role = _role(properties, function)
    assert "ManagedPolicyArns" not in role
    for statement in _statements(role):
        named = json.dumps([statement["Action"], statement["Resource"]])
        assert "*" not in named.replace("${FilesBucket.Arn}/*", "each of its objects")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (
            "webhook",
            {
                "MessageQueue": {"sqs:SendMessage"},
                "ConversationTable": {"dynamodb:PutItem", "dynamodb:UpdateItem"},
            },
        ),
        (
            "worker",
            {
                "MessageQueue": {
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:ChangeMessageVisibility",
                    "sqs:GetQueueAttributes",
                },
                "FilesBucket": {"s3:ListBucket"},
                "FilesBucket/*": {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"},
                "DeadLetterQueue": {"sqs:SendMessage"},
                "ConversationTable": {
                    "dynamodb:Query",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                    "dynamodb:BatchWriteItem",
                },
            },
        ),
        (
            "web",
            {
                "ConversationTable": {
                    "dynamodb:GetItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",  # of few items: tests/component/test_policies.py
                },
                "FilesBucket/*": {"s3:GetObject"},
            },
        ),
        ("setup", {}),
    ],
)
def test_functions_may_do_what_they_do(
    properties: dict[str, dict[str, Any]], function: str, expected: dict[str, set[str]]
) -> None:
    granted = defaultdict[str, set[str]](set)
    for statement in _statements(_role(properties, function)):
        if "ssm:GetParameters" not in _actions(statement):
            granted[_name(statement["Resource"])] |= set(_actions(statement))
    group = properties[FUNCTIONS[function]]["LoggingConfig"]["LogGroup"]["Ref"]
    assert granted.pop(group) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert granted == expected


def _name(resource: dict[str, Any]) -> str:
    """Return the logical id; for objects of a bucket, with their pattern."""
    if "Fn::Sub" in resource:
        return str(resource["Fn::Sub"]).removeprefix("${").replace(".Arn}", "")
    return str(resource["Fn::GetAtt"][0])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_may_read_their_own_secrets_only(
    properties: dict[str, dict[str, Any]], function: str
) -> None:
    """One GetParameters call names them all, and fails if a single one is forbidden."""
    (statement,) = (
        statement
        for statement in _statements(_role(properties, function))
        if _actions(statement) == ["ssm:GetParameters"]
    )
    names = [arn["Fn::Sub"].rpartition("${ParameterPath}/")[2] for arn in statement["Resource"]]
    assert sorted(names) == sorted([*secrets_of(function), "SETTINGS"])


def test_webhooks_are_registered_when_the_routes_are_deployed(translated: dict[str, Any]) -> None:
    registration = translated["Resources"]["Registration"]
    assert registration["Type"] == "AWS::CloudFormation::CustomResource"
    assert set(registration["DependsOn"]) <= set(translated["Resources"])
    assert "ApiApiGatewayDefaultStage" in registration["DependsOn"]
    told = registration["Properties"]
    assert told["Url"] == translated["Outputs"]["ApiUrl"]["Value"]
    assert told["ServiceTimeout"] == 60
    assert told["Revision"]["Ref"].startswith("ChatbotLayer")  # its name changes with its content
    assert translated["Resources"]["SetupFunction"]["Properties"]["Timeout"] <= 60


def test_the_stack_reports_its_version(translated: dict[str, Any]) -> None:
    assert translated["Outputs"]["Version"]["Value"] == __version__


def test_outputs_say_where_things_are(translated: dict[str, Any]) -> None:
    titles = [channel.title for channel in CHANNELS if channel.registration]
    assert translated["Outputs"].keys() == {
        "Version",
        *titles,
        *(f"{title}WebhookUrl" for title in titles),
        "ParameterPath",
        "ApiUrl",
        "TableName",
        "FilesBucket",
        "QueueUrl",
        "DeadLetterQueueUrl",
    }
