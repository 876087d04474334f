"""Answer, count and log requests that were refused, for all functions behind the HTTP API."""

from __future__ import annotations

import hashlib
from typing import Any

from chatbot.core.errors import Forged, RequestRefused
from chatbot.core.ports import Journal, now_ms
from chatbot.edge.http import Response


def refuse(
    refusal: RequestRefused,
    channel: str,
    journal: Journal,
    body: bytes | None = None,
    *,
    explain: bool = False,
) -> Response:
    """Return the response to a request that `channel` refused; count and log the refusal.

    `body` is the request's body when it was sent to a channel's route, else None. `explain` is
    `explains_refusals` of the channel's description.

    | refusal | sent to | response | metric | log |
    |---|---|---|---|---|
    | `Forged` | anyone | its 401 or 403, `{"error"}` | Refused | warning `refused` |
    | `Unreadable` | a channel that explains | its 4xx, `{"error", "now"}` | Ignored | `ignored` |
    | `Unreadable` | any other channel | 200 | Ignored | warning `unreadable` |
    | `Unreadable` | no channel (`body` is None) | its 4xx, `{"error"}` | none | none |

    A platform would repeat a request that got a 4xx for a day and hold back that chat meanwhile.
    A page can show what was wrong; `now` is the server's time in epoch milliseconds, from which
    the page sees that its clock is wrong. Only size and digest of a body are logged.
    """
    content: dict[str, Any] = {"error": refusal.reason}
    if isinstance(refusal, Forged):
        size = {} if body is None else {"bytes": len(body)}
        journal.count("Refused", channel=channel)
        journal.warning("refused", channel=channel, reason=refusal.reason, **size)
    elif body is not None:
        journal.count("Ignored", channel=channel)
        if not explain:
            digest = hashlib.sha256(body).hexdigest()
            facts = {"channel": channel, "reason": refusal.reason, "digest": digest}
            journal.warning("unreadable", **facts, bytes=len(body))
            return Response()
        journal.info("ignored", channel=channel, reason=refusal.reason, events=1)
        content["now"] = now_ms()
    return Response.of_json(content, refusal.status)
