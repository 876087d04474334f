"""Each test finds the template's stack as created, whatever the one before left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from tests.component.conftest import Aws, Made, Queues

ITEM = {"pk": {"S": "telegram:1"}, "sk": {"S": "turn#1"}}


class Account:
    """An AWS account by its API: `dirty` changes everything that `seen` returns."""

    def __init__(self, aws: Aws, queues: Queues) -> None:
        self.dynamodb, self.sqs, self.queues = aws.dynamodb, aws.sqs, queues
        self.table = aws.names["ConversationTable"]
        self.bucket = aws.names["FilesBucket"]

    def send(self, group: str, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(
                QueueUrl=self.queues.messages,
                MessageBody=body,
                MessageGroupId=group,
                MessageDeduplicationId=body,
            )

    def receive(self) -> list[str]:
        found = self.sqs.receive_message(QueueUrl=self.queues.messages, MaxNumberOfMessages=10)
        return [message["Body"] for message in found.get("Messages", [])]

    def dirty(self) -> None:
        self.dynamodb.put_item(TableName=self.table, Item=ITEM)
        self.dynamodb.update_time_to_live(
            TableName=self.table,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
        )
        self.dynamodb.create_table(
            TableName="other",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.send("in flight", "a", "b")
        assert self.receive() == ["a", "b"]
        self.send("in flight", "c")  # its group is blocked
        self.send("waiting", "d")
        self.sqs.set_queue_attributes(
            QueueUrl=self.queues.messages, Attributes={"VisibilityTimeout": "1"}
        )
        self.sqs.delete_queue(QueueUrl=self.queues.dead_letters)
        s3 = boto3.client("s3")
        s3.put_object(Bucket=self.bucket, Key="made/1.png", Body=b"1")
        s3.delete_bucket_cors(Bucket=self.bucket)
        s3.create_bucket(
            Bucket="other", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        boto3.client("ssm").put_parameter(Name="/chatbot/SETTINGS", Value="{}", Type="String")
        boto3.client("logs").create_log_group(logGroupName="/aws/lambda/chatbot")
        metric: Any = {"MetricName": "Errors", "Timestamp": datetime.now(UTC), "Value": 1}
        boto3.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[metric])
        boto3.client("cloudformation").create_stack(
            StackName="other", TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}'
        )
        boto3.client("sqs", "us-east-1").create_queue(QueueName="far")

    def seen(self) -> Mapping[str, Any]:
        s3, formation = boto3.client("s3"), boto3.client("cloudformation")
        ttl = self.dynamodb.describe_time_to_live(TableName=self.table)
        views: dict[str, Callable[[], Any]] = {
            "items": lambda: self.dynamodb.scan(TableName=self.table)["Items"],
            "time to live": lambda: ttl["TimeToLiveDescription"],
            "tables": lambda: self.dynamodb.list_tables()["TableNames"],
            "queue": lambda: self.sqs.get_queue_attributes(
                QueueUrl=self.queues.messages, AttributeNames=["All"]
            )["Attributes"],
            "queues": lambda: self.sqs.list_queues()["QueueUrls"],
            "elsewhere": lambda: boto3.client("sqs", "us-east-1").list_queues().get("QueueUrls"),
            "objects": lambda: s3.list_objects_v2(Bucket=self.bucket)["KeyCount"],
            "buckets": lambda: [each["Name"] for each in s3.list_buckets()["Buckets"]],
            "parameters": lambda: boto3.client("ssm").describe_parameters()["Parameters"],
            "logs": lambda: boto3.client("logs").describe_log_groups()["logGroups"],
            "metrics": lambda: boto3.client("cloudwatch").list_metrics()["Metrics"],
            "stacks": lambda: [each["StackName"] for each in formation.describe_stacks()["Stacks"]],
            "topics": lambda: boto3.client("sns").list_topics()["Topics"],
        }
        return {name: view() for name, view in views.items()}


@pytest.mark.long
def test_nothing_is_left_of_what_a_test_did(made: Made, aws: Aws, queues: Queues) -> None:
    account = Account(aws, queues)
    clean = account.seen()
    for _ in range(2):  # what is put back is a copy: the second time it is as clean
        account.dirty()
        dirty = account.seen()
        assert [name for name in clean if clean[name] == dirty[name]] == []
        made.state.restore()
        assert account.seen() == clean
    # Neither groups nor deduplication remember messages that are gone.
    account.send("in flight", "a")
    account.send("waiting", "d")
    assert sorted(account.receive()) == ["a", "d"]
