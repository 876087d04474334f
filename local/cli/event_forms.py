"""Which events a function of the template takes: the forms of the sources that invoke it."""

from __future__ import annotations

from typing import Any

_MOST_RECORDS = 10  # of a FIFO queue in one invocation (AWS Lambda guide, “Using Lambda with SQS”)
_HTTP_PARTS = {
    "headers": dict,
    "queryStringParameters": dict,
    "cookies": list,
    "body": str,
}


def refused(function: str, event: object) -> str:
    """Why the function cannot take the event, in one line; "" if it can.

    The worker takes what its queue sends, the setup function what CloudFormation sends, the others
    what the HTTP API sends: not a REST API, an authorizer or a load balancer.
    """
    if not isinstance(event, dict):
        return "an event is a JSON object"
    match function:
        case "WorkerFunction":
            return _refused_records(event)
        case "SetupFunction":
            return _refused_request(event)
        case _:
            return _refused_http(function, event)


def _refused_http(function: str, event: dict[str, Any]) -> str:
    context = event.get("requestContext")
    http = context.get("http") if isinstance(context, dict) else None
    method = http.get("method") if isinstance(http, dict) else None
    if not (isinstance(event.get("rawPath"), str) and isinstance(method, str)):
        return (
            f"{function} takes requests of an HTTP API with payload format 2.0: "
            "an event with rawPath and requestContext.http.method"
        )
    for name, kind in _HTTP_PARTS.items():
        if not isinstance(event.get(name), (kind, type(None))):
            return f"{function} takes requests of an HTTP API, whose {name} have another form"
    return ""


def _refused_request(event: dict[str, Any]) -> str:
    if isinstance(event.get("RequestType"), str) and isinstance(
        event.get("ResourceProperties"), dict
    ):
        return ""
    return (
        "SetupFunction takes CloudFormation's requests for a custom resource: "
        "an event with RequestType and ResourceProperties"
    )


def _refused_records(event: dict[str, Any]) -> str:
    records = event.get("Records")
    if not isinstance(records, list) or not 0 < len(records) <= _MOST_RECORDS:
        return f"WorkerFunction takes messages of an SQS queue: 1 to {_MOST_RECORDS} Records"
    for record in records:
        source = record.get("eventSource") if isinstance(record, dict) else None
        if source != "aws:sqs":
            return f"WorkerFunction takes messages of an SQS queue, not of {source}"
        if not isinstance(record.get("body"), str) or not record["body"]:
            return "WorkerFunction takes messages of an SQS queue, which have a body"
    return ""
