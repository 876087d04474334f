"""A minimal webhook: verify the sender, put the body into the queue."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from typing import Any

import boto3

SQS = boto3.client("sqs")
QUEUE_URL = os.environ["QUEUE_URL"]
TELEGRAM_SECRET = os.environ["TELEGRAM_WEBHOOK_SECRET"]
APP_SECRET = os.environ["MESSENGER_APP_SECRET"].encode()


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle an HTTP API event (payload format 2.0)."""
    body, headers = event["body"], event["headers"]
    if event["rawPath"] == "/telegram":
        given, right = headers["x-telegram-bot-api-secret-token"], TELEGRAM_SECRET
    else:
        digest = hmac.new(APP_SECRET, body.encode(), hashlib.sha256).hexdigest()
        given, right = headers["x-hub-signature-256"], f"sha256={digest}"
    if not hmac.compare_digest(given, right):
        return {"statusCode": 401}
    update = json.loads(body)
    if event["rawPath"] == "/telegram":
        group, number = update["message"]["chat"]["id"], update["update_id"]
    else:
        message = update["entry"][0]["messaging"][0]
        group, number = message["sender"]["id"], message["message"]["mid"]
    SQS.send_message(
        QueueUrl=QUEUE_URL,
        MessageBody=body,
        MessageGroupId=str(group),
        MessageDeduplicationId=str(number),
    )
    return {"statusCode": 200}
