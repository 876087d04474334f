"""The Lambda handler of the functions behind the HTTP API; it answers every request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chatbot.adapters.telemetry import Telemetry
from chatbot.core.errors import RequestRefused, Retryable
from chatbot.edge.http import Handler, Request, Response
from chatbot.edge.refusal import refuse
from chatbot.edge.webhook import UNAVAILABLE


def handler_of(
    answer: Callable[[Request], Response], channel: str, telemetry: Telemetry
) -> Handler:
    """Return a Lambda handler that passes requests to `answer` and turns its errors into responses.

    RequestRefused becomes a 4xx, Retryable a 503, any other exception a 500. A refusal is counted
    in the metrics under `channel`.
    """

    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        telemetry.begin(context)
        try:
            response = answer(Request.from_event(event))
        except RequestRefused as refusal:
            response = refuse(refusal, channel, telemetry)
        except Retryable as error:
            telemetry.warning("unavailable", error=type(error).__name__, reason=str(error))
            response = UNAVAILABLE
        except Exception as error:  # noqa: BLE001 - Lambda would log its text, perhaps people's words
            telemetry.crash(error)
            response = Response.of_json({"error": "internal"}, 500)
        finally:
            telemetry.flush()
        return response.to_event()

    return handler
