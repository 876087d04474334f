"""The setup function: a CloudFormation custom resource that registers the webhooks.

It sends a response in any case: without one, the deployment waits until it times out
(CloudFormation guide, custom resources).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import boto3

from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap.aws import client_config
from chatbot.bootstrap.registration import channels_to_register, register, unregister
from chatbot.core.errors import AmbiguousPost, ParametersUnavailable, PostRefused
from chatbot.edge.http import Handler
from chatbot.net.post import Session, send

_RESERVED = 20.0  # seconds kept for the response to CloudFormation
_RESPONSE_TIMEOUT = 6.0
_PAUSE = 1.0


def build(environ: Mapping[str, str]) -> Handler:
    """Return the function's handler; its events are custom resource requests of CloudFormation."""
    telemetry = Telemetry("setup")
    ssm = boto3.client("ssm", config=client_config())
    parameters = Parameters(environ, "setup", ssm, telemetry)
    session = Session()

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        telemetry.begin(context)
        seconds = context.get_remaining_time_in_millis() / 1000 - _RESERVED
        try:
            parameters.forget()
            url = event["ResourceProperties"]["Url"]
            change = unregister if event["RequestType"] == "Delete" else register
            reports = change(parameters.settings(), url, session, seconds)
        except ParametersUnavailable:
            reports = _same_for_all("failed: the parameter store does not answer")
        except Exception as error:  # noqa: BLE001 - without an answer the deployment hangs
            telemetry.crash(error)
            reports = _same_for_all(f"failed: {type(error).__name__}")
        response = response_to(event, reports)
        telemetry.info("setup", request=event.get("RequestType", ""), **reports)
        _respond(event.get("ResponseURL", ""), response)
        telemetry.flush()
        return response

    def _respond(url: str, response: dict[str, Any]) -> None:
        body = json.dumps(response).encode()
        for _ in range(2):
            try:
                # The URL is presigned for a request without a content type.
                if send(session, "PUT", url, timeout=_RESPONSE_TIMEOUT, body=body).status < 300:
                    return
            except (PostRefused, AmbiguousPost) as error:
                telemetry.warning("cloudformation_response_failed", reason=str(error))
            time.sleep(_PAUSE)
        telemetry.warning("cloudformation_response_given_up")

    return handler


def _same_for_all(report: str) -> dict[str, str]:
    return {channel.title: report for channel in channels_to_register()}


def response_to(event: Mapping[str, Any], reports: Mapping[str, str]) -> dict[str, Any]:
    """Return CloudFormation's response object (custom resource response objects).

    Its status is FAILED only if a report failed, `Strict` is set and the stack is not being
    deleted. The physical id never changes: for another id CloudFormation would send a Delete
    request, which would undo the registration.
    """
    strict = event.get("ResourceProperties", {}).get("Strict") == "true"
    failed = [f"{name} {text}" for name, text in reports.items() if text.startswith("failed")]
    bad = failed and strict and event.get("RequestType") != "Delete"
    return {
        "Status": "FAILED" if bad else "SUCCESS",
        "Reason": "; ".join(failed) or "done",
        "PhysicalResourceId": event.get("PhysicalResourceId") or "registration",
        **{name: event.get(name, "") for name in ("StackId", "RequestId", "LogicalResourceId")},
        "Data": dict(reports),
    }
