"""A minimal worker: read the history, ask the model, store, post, store that it was posted."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from openai import OpenAI

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

DYNAMODB = boto3.client("dynamodb")
MODEL = OpenAI()
HTTP = urllib3.PoolManager()
TABLE = os.environ["TABLE_NAME"]
SEND = f"{os.environ['TELEGRAM_API_URL']}/bot{os.environ['TELEGRAM_BOT_TOKEN']}/sendMessage"


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Handle an SQS event, message by message."""
    for record in event["Records"]:
        envelope = json.loads(record["body"])
        answer(envelope["payload"]["message"], envelope["event_id"])


def answer(message: Mapping[str, Any], event_id: str) -> None:
    """Answer one Telegram message."""
    chat, text = message["chat"]["id"], message["text"]
    found = DYNAMODB.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"plain:{chat}"}},
        ScanIndexForward=False,
        Limit=10,
    )
    prompt: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "You are a friendly and helpful assistant."}
    ]
    for item in reversed(found["Items"]):
        prompt.append({"role": "user", "content": item["text"]["S"]})
        prompt.append({"role": "assistant", "content": item["reply"]["S"]})
    prompt.append({"role": "user", "content": text})
    completion = MODEL.chat.completions.create(model="local-model", messages=prompt)
    reply = completion.choices[0].message.content or ""
    key: dict[str, Any] = {
        "pk": {"S": f"plain:{chat}"},
        "sk": {"S": f"{message['date']:013d}#{event_id}"},
    }
    item = {**key, "text": {"S": text}, "reply": {"S": reply}, "state": {"S": "sending"}}
    DYNAMODB.put_item(TableName=TABLE, Item=item)
    HTTP.request("POST", SEND, json={"chat_id": chat, "text": reply})
    DYNAMODB.update_item(
        TableName=TABLE,
        Key=key,
        UpdateExpression="SET #s = :posted",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":posted": {"S": "posted"}},
    )
