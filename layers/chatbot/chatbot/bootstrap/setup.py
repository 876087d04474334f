"""The setup function: a custom resource of CloudFormation's, whose answer must come in any case."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import boto3

from chatbot.adapters.ssm import Parameters
from chatbot.adapters.telemetry import Telemetry
from chatbot.bootstrap.aws import client_config
from chatbot.bootstrap.registration import register, registered, unregister
from chatbot.core.errors import AmbiguousPost, ParametersUnavailable, PostRefused
from chatbot.edge.http import Handler
from chatbot.net.post import Session, send

_FOR_THE_ANSWER = 20.0  # seconds of the function's time
_ANSWER = 6.0
_PAUSE = 1.0


def build(environ: Mapping[str, str]) -> Handler:
    """The function's handler; its events are custom resource requests (CloudFormation)."""
    telemetry = Telemetry("setup")
    ssm = boto3.client("ssm", config=client_config())
    parameters = Parameters(environ, "setup", ssm, telemetry)
    session = Session()

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        telemetry.begin(context)
        seconds = context.get_remaining_time_in_millis() / 1000 - _FOR_THE_ANSWER
        try:
            parameters.forget()
            url = event["ResourceProperties"]["Url"]
            tell = unregister if event["RequestType"] == "Delete" else register
            reports = tell(parameters.settings(), url, session, seconds)
        except ParametersUnavailable:
            reports = _all("failed: the parameter store does not answer")
        except Exception as error:  # noqa: BLE001 - without an answer the deployment hangs
            telemetry.crash(error)
            reports = _all(f"failed: {type(error).__name__}")
        answer = answer_to(event, reports)
        telemetry.info("setup", request=event.get("RequestType", ""), **reports)
        _tell(event.get("ResponseURL", ""), answer)
        telemetry.flush()
        return answer

    def _tell(url: str, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        for _ in range(2):
            try:
                # The address is signed for a request without a content type.
                if send(session, "PUT", url, timeout=_ANSWER, body=body).status < 300:
                    return
            except (PostRefused, AmbiguousPost) as error:
                telemetry.warning("not_told", reason=str(error))
            time.sleep(_PAUSE)
        telemetry.warning("cloudformation_not_told")

    return handler


def _all(report: str) -> dict[str, str]:
    return {channel.title: report for channel in registered()}


def answer_to(event: Mapping[str, Any], reports: Mapping[str, str]) -> dict[str, Any]:
    """CloudFormation's response object: only a strict stack fails, and never while it is deleted.

    A physical id that changed would have CloudFormation delete what was just registered.
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
