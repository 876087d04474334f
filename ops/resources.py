"""What AWS says of the stack's queues, table and functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import requests

from ops.findings import Finding, broken, ok, warning
from ops.target import Target, name_of

MANY = 100
OLD = 300  # seconds
_TAIL = "python -m ops tail"


def queues(stack: Target) -> Iterator[Finding]:
    sqs = stack.client("sqs")
    for name, output in (("queue", "QueueUrl"), ("dead letters", "DeadLetterQueueUrl")):
        url = name_of(stack, output)
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        waiting = int(told["ApproximateNumberOfMessages"])
        held = int(told["ApproximateNumberOfMessagesNotVisible"])
        if output == "DeadLetterQueueUrl" and waiting + held:
            mend = "python -m ops redrive --dry-run, mend the cause, then --all"
            yield broken(name, f"{waiting + held} messages were given up", mend)
        elif waiting > MANY:
            yield warning(name, f"{waiting} messages wait, {held} are worked on", _TAIL)
        else:
            yield ok(name, f"{waiting} wait, {held} are worked on")
    if not stack.local:
        yield _age(stack, name_of(stack, "QueueUrl").rpartition("/")[2])


def _age(stack: Target, queue: str) -> Finding:
    dimension = {"Name": "QueueName", "Value": queue}
    name = "ApproximateAgeOfOldestMessage"
    seconds = max(_metric(stack, "AWS/SQS", name, dimension, "Maximum", 15), default=0)
    if seconds > OLD:
        return broken("oldest message", f"waits for {seconds:.0f} s", _TAIL)
    return ok("oldest message", f"{seconds:.0f} s at most in the last 15 minutes")


def table(stack: Target) -> Iterator[Finding]:
    dynamodb, name = stack.client("dynamodb"), name_of(stack, "TableName")
    status = dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]
    if status in ("ACTIVE", "UPDATING"):
        yield ok("table", status.lower())
    else:
        yield broken("table", status.lower(), "wait, or deploy again")
    told = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if told["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        yield ok("table's TTL", f"on {told.get('AttributeName')}")
    else:
        yield broken("table's TTL", "is off: nothing is ever forgotten", "sam deploy")


def functions(stack: Target, url: str) -> Iterator[Finding]:
    """Errors of the last day; on this machine, of those that it remembers."""
    counts = _failed_here(url) if stack.local else _failed(stack)
    failing = {name: count for name, count in counts.items() if count}
    for name, count in failing.items():
        yield broken(f"{name}'s errors", f"{count} within a day", _TAIL)
    if not failing:
        yield ok("functions", f"no errors of {', '.join(counts) or 'any function'}")


def _failed(stack: Target) -> dict[str, int]:
    counts = {}
    for logical, physical in function_names(stack).items():
        dimension = {"Name": "FunctionName", "Value": physical}
        errors = _metric(stack, "AWS/Lambda", "Errors", dimension, "Sum", 24 * 60)
        counts[logical] = int(sum(errors))
    return counts


def function_names(stack: Target) -> dict[str, str]:
    """Physical names of the stack's functions by their logical ids."""
    pages = stack.client("cloudformation").get_paginator("list_stack_resources")
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages.paginate(StackName=stack.stack)
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == "AWS::Lambda::Function"
    }


def _metric(
    stack: Target,
    namespace: str,
    metric: str,
    dimension: dict[str, str],
    statistic: str,
    minutes: int,
) -> Sequence[float]:
    now = datetime.now(UTC)
    answer = stack.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[dimension],
        StartTime=now - timedelta(minutes=minutes),
        EndTime=now,
        Period=max(300, minutes * 60 // 24 // 60 * 60),
        Statistics=[statistic],
    )
    return [point[statistic] for point in answer["Datapoints"]]


def _failed_here(url: str) -> dict[str, int]:
    answer = requests.get(f"{url}/_local/records", params={"after": 0}, timeout=30)
    counts: dict[str, int] = {}
    for record in answer.json()["records"]:
        if record["server"] == "lambda":
            name = record["operation"]
            counts[name] = counts.get(name, 0) + (record["status"] >= 500)
    return counts
