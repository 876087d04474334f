"""Checks of the stack's AWS resources: queues, table and functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import requests

from ops.findings import OPS, SAM, Finding, broken, ok, warning
from ops.target import Target, name_of

MANY = 100
"""Messages that may wait in the queue before that is worth a warning."""
OLD = 300
"""Seconds that the oldest message may wait."""
_TAIL = f"{OPS} tail"


def queues(stack: Target) -> Iterator[Finding]:
    """Check how many messages wait in both queues, and how long the oldest has waited.

    Raises BotoCoreError, ClientError, NoTarget, as the other checks of this module do.
    """
    sqs = stack.client("sqs")
    for name, output in (("queue", "QueueUrl"), ("dead letters", "DeadLetterQueueUrl")):
        url = name_of(stack, output)
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        waiting = int(answer["ApproximateNumberOfMessages"])
        held = int(answer["ApproximateNumberOfMessagesNotVisible"])
        if output == "DeadLetterQueueUrl" and waiting + held:
            fix = f"{OPS} redrive --dry-run; fix the cause; then {OPS} redrive --all"
            yield broken(name, f"{waiting + held} messages failed for good", fix)
        elif waiting > MANY:
            yield warning(name, f"{waiting} messages wait, {held} are in progress", _TAIL)
        else:
            yield ok(name, f"{waiting} messages wait, {held} are in progress")
    if not stack.local:
        yield _age(stack, name_of(stack, "QueueUrl").rpartition("/")[2])


def _age(stack: Target, queue: str) -> Finding:
    dimension = {"Name": "QueueName", "Value": queue}
    name = "ApproximateAgeOfOldestMessage"
    seconds = max(_metric(stack, "AWS/SQS", name, dimension, "Maximum", 15), default=0)
    if seconds > OLD:
        return broken("oldest message", f"has waited {seconds:.0f} s", _TAIL)
    return ok("oldest message", f"waited {seconds:.0f} s at most in the last 15 minutes")


def table(stack: Target) -> Iterator[Finding]:
    """Check that the table is usable and that its items expire (DynamoDB, time to live)."""
    dynamodb, name = stack.client("dynamodb"), name_of(stack, "TableName")
    status = dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]
    if status in ("ACTIVE", "UPDATING"):
        yield ok("table", status.lower())
    else:
        yield broken("table", status.lower(), "wait, or deploy again")
    answer = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if answer["TimeToLiveStatus"] in ("ENABLED", "ENABLING"):
        yield ok("table's TTL", f"on {answer.get('AttributeName')}")
    else:
        yield broken("table's TTL", "is off: stored conversations never expire", f"{SAM} deploy")


def functions(stack: Target, url: str) -> Iterator[Finding]:
    """Check the functions for failed invocations within the last day.

    `url` is the stack's. On a local stack the invocations counted are those that it still keeps.
    """
    counts = _failed_here(url) if stack.local else _failed(stack)
    failing = {name: count for name, count in counts.items() if count}
    for name, count in failing.items():
        yield broken(f"{name}'s errors", f"{count} within a day", _TAIL)
    if not failing:
        yield ok("functions", f"no errors in {', '.join(counts) or 'any function'}")


def _failed(stack: Target) -> dict[str, int]:
    counts = {}
    for logical, physical in function_names(stack).items():
        dimension = {"Name": "FunctionName", "Value": physical}
        errors = _metric(stack, "AWS/Lambda", "Errors", dimension, "Sum", 24 * 60)
        counts[logical] = int(sum(errors))
    return counts


def function_names(stack: Target) -> dict[str, str]:
    """Return the physical names of a deployed stack's functions by their logical ids."""
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
