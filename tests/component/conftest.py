"""AWS by moto in this process, with the tables and queues of template.yaml."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from chatbot.adapters.dynamodb.turns import Table
from chatbot.adapters.s3 import CONFIG, Bucket
from chatbot.bootstrap.aws import client_config, lazy_client
from chatbot.net.tls import trust
from tests.component.turns import DAYS, Store
from tests.fakes.clock import FakeClock
from tests.fakes.history import MemoryHistory
from tests.moto_state import MotoState

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
MADE = ("ConversationTable", "MessageQueue", "DeadLetterQueue", "FilesBucket")
OUTPUTS = ("TableName", "QueueUrl", "DeadLetterQueueUrl", "ParameterPath")


@dataclass(frozen=True)
class Aws:
    """`names` are the physical ids (for queues: URLs) by the template's logical ids."""

    dynamodb: DynamoDBClient
    sqs: SQSClient
    names: dict[str, str]


@dataclass(frozen=True)
class Queues:
    messages: str
    dead_letters: str


@cache
def _tables_and_queues() -> str:
    template = yaml_parse(TEMPLATE.read_text())
    parts = {
        "Parameters": template["Parameters"],
        "Conditions": template["Conditions"],
        "Mappings": template["Mappings"],
        "Resources": {name: template["Resources"][name] for name in MADE},
        "Outputs": {name: template["Outputs"][name] for name in OUTPUTS},
    }
    return json.dumps(parts)


@dataclass(frozen=True)
class Made:
    """A stack as created."""

    state: MotoState
    names: dict[str, str]


@pytest.fixture(scope="session")
def made() -> Made:
    """The template's stack, created once in each process."""
    with pytest.MonkeyPatch.context() as monkeypatch, mock_aws():
        _without_credentials(monkeypatch)
        stacks = boto3.client("cloudformation")
        stacks.create_stack(StackName="chatbot", TemplateBody=_tables_and_queues())
        resources = stacks.describe_stack_resources(StackName="chatbot")["StackResources"]
        names = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in resources}
        return Made(MotoState(), names)


@pytest.fixture
def aws(made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """The template's stack as created, empty, in an AWS without anything else, with a new session.

    A test may write to it, and change or delete its resources: the next test gets it restored.
    """
    _without_credentials(monkeypatch)
    with mock_aws():
        made.state.restore()
        boto3.setup_default_session()
        yield Aws(boto3.client("dynamodb"), boto3.client("sqs"), dict(made.names))


def _without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove this machine's AWS settings, and working credentials, from the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path | None], None]]:
    """Trust only the certificate in a file; None: those trusted by default."""

    def only(path: Path | None) -> None:
        if path:
            monkeypatch.setenv("SSL_CERT_FILE", str(path))
        trust.cache_clear()

    yield only
    trust.cache_clear()


def bucket_of(name: str, environ: Mapping[str, str] | None = None) -> Bucket:
    """A bucket, whose client is made at first use."""
    return Bucket(name, lazy_client("s3", client_config().merge(CONFIG), environ or {}))


@pytest.fixture
def table(aws: Aws) -> str:
    """The name of the conversation table."""
    return aws.names["ConversationTable"]


@pytest.fixture
def bucket(aws: Aws) -> Bucket:
    """The bucket of generated files."""
    return bucket_of(aws.names["FilesBucket"])


@pytest.fixture
def queues(aws: Aws) -> Queues:
    """The URLs of the queues."""
    return Queues(aws.names["MessageQueue"], aws.names["DeadLetterQueue"])


@pytest.fixture
def dynamodb_table(aws: Aws, table: str) -> Table:
    """The conversation table's adapter."""
    return Table(aws.dynamodb, table, FakeClock(), DAYS)


@pytest.fixture(params=["dynamodb", "memory"])
def history(request: pytest.FixtureRequest) -> Store:
    """The table's adapter and its double, one after the other."""
    if request.param == "memory":
        return MemoryHistory()
    found: Table = request.getfixturevalue("dynamodb_table")
    return found
