"""Alarms and dashboard: the code emits what they watch, and the runbook describes each alarm."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap.channels import CHANNELS
from chatbot.channels.description import ChannelDescription

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "chatbot" / "chatbot"
_NAMES = [channel.name for channel in CHANNELS]
OURS = "Chatbot/${AWS::StackName}"
Metric = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions

# AWS' own metrics that we watch, with their dimensions and the types that these name
# (docs: "Available CloudWatch metrics for Amazon SQS", "Types of metrics for Lambda functions",
# "Monitor HTTP APIs with CloudWatch metrics", "DynamoDB metrics and dimensions").
AWS_METRICS = {
    "AWS/SQS": ("QueueName", "AWS::SQS::Queue"),
    "AWS/Lambda": ("FunctionName", "AWS::Serverless::Function"),
    "AWS/ApiGateway": ("ApiId", "AWS::Serverless::HttpApi"),
    "AWS/DynamoDB": ("TableName", "AWS::DynamoDB::Table"),
}
AWS_NAMES = {
    "AWS/SQS": {
        "ApproximateAgeOfOldestMessage",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesVisible",
        "NumberOfMessagesSent",
    },
    "AWS/Lambda": {"Duration", "Errors", "Invocations", "Throttles"},
    "AWS/ApiGateway": {"5xx", "Count"},
    "AWS/DynamoDB": {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"},
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


@pytest.fixture(scope="module")
def alarms(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


@pytest.fixture(scope="module")
def widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    body, values = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{GigabyteSecond\}", body)) == {f"${{{name}}}" for name in values}
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


# --- What the code emits ------------------------------------------------------------------------

# Modules that a function loads by their names in the list of channels.
ENTRY_POINTS = {
    "webhook": [channel.inbound.partition(":")[0] for channel in CHANNELS],
    "worker": [channel.outbound.partition(":")[0] for channel in CHANNELS],
    "web": [],
    "setup": [c.registration.partition(":")[0] for c in CHANNELS if c.registration],
}


@pytest.fixture(scope="module")
def emitted() -> set[Metric]:
    """Return every metric of every function with each set of dimensions that it can have."""
    return {
        (OURS, name, frozenset(dimensions.items()))
        for service in ("webhook", "worker", "web", "setup")
        for module in _loaded(f"chatbot.bootstrap.{service}", *ENTRY_POINTS[service])
        for name, channel in _counted(module)
        for dimensions in _dimensions(service, channel)
    }


def _dimensions(service: str, channel: str | None) -> Iterator[dict[str, str]]:
    if channel == "":
        yield {"service": service}
    else:
        for each in _NAMES if channel is None else (channel,):
            yield {"service": service, "channel": each}


def _loaded(*modules: str) -> set[str]:
    """Return these modules and all of the package's that they import, directly or not."""
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.walk(_tree(name)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chatbot."):
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                waiting |= {str(node.module), *filter(_is_module, inner)} - found
    return found


def _tree(module: str) -> ast.Module:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    file = path.with_suffix(".py") if _is_module(module) else path / "__init__.py"
    return ast.parse(file.read_text())


def _is_module(name: str) -> bool:
    return PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py").exists()


def _counted(module: str) -> Iterator[tuple[str, str | None]]:
    """Yield names of metrics with their channel, None where it is the message's."""
    tree = _tree(module)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        channels = [keyword.value for keyword in node.keywords if keyword.arg == "channel"]
        if node.func.attr == "count" and channels:
            (channel,) = channels
            said = str(channel.value) if isinstance(channel, ast.Constant) else None
            for name in _names(tree, node.args[0]):
                yield name, said


def _names(tree: ast.Module, metric: ast.expr) -> Iterator[str]:
    """Return the metric's name, or all those of the loop around it."""
    if isinstance(metric, ast.Constant):
        yield str(metric.value)
        return
    assert isinstance(metric, ast.Name), ast.unparse(metric)
    loops = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.For)
        and metric.id in ast.unparse(node.target).strip("()").split(",")
    ]
    for loop in loops:
        assert isinstance(loop.iter, ast.Tuple)
        for row in loop.iter.elts:
            assert isinstance(row, ast.Tuple)
            assert isinstance(row.elts[0], ast.Constant)
            yield str(row.elts[0].value)
    assert loops, ast.unparse(metric)


def test_every_metric_of_the_code_is_found(emitted: set[Metric]) -> None:
    """If `_counted` missed a form of call, the tests below would pass too easily."""
    text = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    names = {name for _, name, _ in emitted}
    assert {"TokensIn", "AnswerSeconds", "Received", "ColdStart"} <= names
    assert len(re.findall(r"(?:journal|telemetry|self)\.count\(", text)) == sum(
        len(list(_calls(path))) for path in PACKAGE.rglob("*.py")
    )


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "count"
            and any(keyword.arg == "channel" for keyword in node.keywords)
        ):
            yield node


@pytest.mark.parametrize("channel", ["", "web"])
def test_dimensions_are_the_service_and_the_channel(
    channel: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Chatbot/one")
    telemetry = Telemetry("worker")
    telemetry.count("Received", channel=channel)
    telemetry.flush()
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    (names,) = directive["Dimensions"]
    assert directive["Namespace"] == "Chatbot/one"
    assert [{name: line[name] for name in names}] == list(_dimensions("worker", channel))


def test_a_stack_counts_under_its_own_namespace(template: dict[str, Any]) -> None:
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == {"Fn::Sub": OURS}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            own = resource["Properties"]["Environment"]["Variables"]
            assert own["POWERTOOLS_SERVICE_NAME"] == name.removesuffix("Function").lower()


# --- What is watched ----------------------------------------------------------------------------


def _check(metric: Metric, emitted: set[Metric], template: dict[str, Any]) -> None:
    namespace, name, dimensions = metric
    if namespace == OURS:
        assert metric in emitted, f"nothing emits {name} under {dict(dimensions)}"
        return
    dimension, kind = AWS_METRICS[namespace]
    assert name in AWS_NAMES[namespace]
    ((key, value),) = dimensions
    assert key == dimension
    resource, _, attribute = value.partition(".")
    assert template["Resources"][resource]["Type"] == kind
    assert attribute == ("QueueName" if dimension == "QueueName" else "")


def _text(value: Any) -> str:
    match value:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [*path]}:
            return ".".join(path)
        case {"Fn::Sub": text}:
            return str(text)
    assert isinstance(value, str)
    return value


def _watched(alarm: dict[str, Any]) -> Metric:
    dimensions = {each["Name"]: _text(each["Value"]) for each in alarm["Dimensions"]}
    return _text(alarm["Namespace"]), alarm["MetricName"], frozenset(dimensions.items())


def test_alarms_watch_what_is_emitted(
    alarms: dict[str, dict[str, Any]], emitted: set[Metric], template: dict[str, Any]
) -> None:
    assert len({_watched(alarm) for alarm in alarms.values()}) == len(alarms)
    for alarm in alarms.values():
        _check(_watched(alarm), emitted, template)


def _shown(widget: dict[str, Any]) -> Iterator[Metric]:
    for row in widget["properties"]["metrics"]:
        words = [word for word in row if isinstance(word, str)]
        if words:
            namespace, name, *pairs = words
            values = [value.strip("${}") if "${" in value else value for value in pairs[1::2]]
            dimensions = zip(pairs[::2], values, strict=True)
            yield namespace, name, frozenset(dimensions)


def test_the_dashboard_shows_what_is_emitted(
    widgets: list[dict[str, Any]], emitted: set[Metric], template: dict[str, Any]
) -> None:
    for widget in widgets:
        for metric in _shown(widget):
            _check(metric, emitted, template)


def test_the_dashboard_shows_everything_that_is_counted(
    widgets: list[dict[str, Any]], emitted: set[Metric]
) -> None:
    shown = {name for widget in widgets for _, name, _ in _shown(widget)}
    assert {name for _, name, _ in emitted} - shown == {"Filtered"}


def test_the_dashboard_shows_every_channel(widgets: list[dict[str, Any]]) -> None:
    shown: dict[str, set[str]] = {}
    for widget in widgets:
        for _, name, dimensions in _shown(widget):
            channel = dict(dimensions).get("channel")
            if channel:
                shown.setdefault(name, set()).add(channel)
    for name in ("Received", "Refused", "Answered", "AnswerSeconds", "TokensIn", "TokensOut"):
        assert shown[name] == set(_NAMES), name


def test_expressions_name_metrics_of_their_widget(
    widgets: list[dict[str, Any]], template: dict[str, Any]
) -> None:
    known = {*template["Parameters"], "GigabyteSecond"}
    for widget in widgets:
        options = [row[-1] for row in widget["properties"]["metrics"] if isinstance(row[-1], dict)]
        ids = [option["id"] for option in options if "id" in option]
        assert len(ids) == len(set(ids))
        for option in options:
            expression = option.get("expression", "")
            assert set(re.findall(r"\$\{(\w+)\}", expression)) <= known
            used = set(re.findall(r"\b[a-z]+[0-9]*\b", re.sub(r"\$\{\w+\}", "", expression)))
            assert used <= set(ids)


def test_widgets_do_not_overlap(widgets: list[dict[str, Any]]) -> None:
    places = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24


# --- What an alarm does -------------------------------------------------------------------------


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_every_channel_has_its_alarms(
    channel: ChannelDescription, alarms: dict[str, dict[str, Any]]
) -> None:
    """Their names follow from the channel's: `TelegramRefusedAlarm`."""
    wanted = {"Refused": ("webhook", "Refused"), "Silent": ("webhook", "Received")}
    if channel.token:
        wanted["Token"] = ("worker", "CredentialRefused")
    for kind, (service, metric) in wanted.items():
        alarm = alarms[f"{channel.name.title()}{kind}Alarm"]
        assert alarm["MetricName"] == metric
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions == {"service": service, "channel": channel.name}


def test_alarms_tell_the_topic(alarms: dict[str, dict[str, Any]]) -> None:
    for name, alarm in alarms.items():
        silent = name.endswith("SilentAlarm")
        kind = "InsufficientDataActions" if silent else "AlarmActions"
        assert alarm[kind] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == ("missing" if silent else "notBreaching")


def test_alarms_look_no_further_back_than_cloudwatch_does(
    alarms: dict[str, dict[str, Any]], template: dict[str, Any]
) -> None:
    """PutMetricAlarm: periods × evaluations ≤ a day, a week where periods are an hour or more."""
    for alarm in alarms.values():
        period = alarm["Period"]
        choices = [period]
        if isinstance(period, dict):
            choices = template["Parameters"][period["Ref"]]["AllowedValues"]
        for seconds in choices:
            assert seconds % 60 == 0
            assert seconds * alarm["EvaluationPeriods"] <= 86400


def test_the_topic_hears_alarms_and_budget_of_this_account_alone(template: dict[str, Any]) -> None:
    policy = template["Resources"]["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]
    allowed, denied = policy["Statement"]
    assert allowed["Principal"] == {
        "Service": ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    }
    assert denied["Effect"] == "Deny"


@pytest.mark.parametrize(
    ("resource", "condition", "parameter", "off"),
    [
        ("AlarmSubscription", "HasAlarmEmail", "AlarmEmail", ""),
        ("Budget", "HasBudget", "MonthlyBudget", 0),
    ],
)
def test_email_and_budget_are_a_choice(
    template: dict[str, Any], resource: str, condition: str, parameter: str, off: object
) -> None:
    assert template["Resources"][resource]["Condition"] == condition
    assert parameter in json.dumps(template["Conditions"][condition])
    assert template["Parameters"][parameter]["Default"] == off


def test_the_runbook_has_a_section_for_each_alarm(alarms: dict[str, dict[str, Any]]) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", runbook, re.MULTILINE | re.DOTALL))
    assert sections.keys() == alarms.keys() | {"Budget"}
    for name, alarm in alarms.items():
        description = alarm["AlarmDescription"]
        reason, _, place = description.rpartition(" ")
        assert place == f"docs/runbook.md#{name.lower()}"
        assert len(reason) > 40
        for part in ("**Means.**", "**Look.**", "**Do.**"):
            assert part in sections[name], f"{name} lacks {part}"


def test_the_runbook_names_commands_that_exist() -> None:
    from ops.__main__ import main

    runbook = (ROOT / "docs" / "runbook.md").read_text()
    for command in sorted(set(re.findall(r"python -m ops (\w+)", runbook))):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0, command
