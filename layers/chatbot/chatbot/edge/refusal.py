"""The one place where a refused request is answered, counted and logged."""

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
    """The response to a request that `channel` refused; `body` is what a channel was sent.

    | refusal | sent to | response | count | log |
    |---|---|---|---|---|
    | `Forged` | anyone | its 401 or 403, `{"error"}` | Refused | warning `refused` |
    | `Unreadable` | a channel that explains | its 4xx, `{"error", "now"}` | Ignored | `ignored` |
    | `Unreadable` | any other channel | 200 | Ignored | warning `unreadable` |
    | `Unreadable` | no channel (`body` is None) | its 4xx, `{"error"}` | none | none |

    A platform would repeat what it got a 4xx for, for a day, and hold back that chat meanwhile.
    A page can show what was wrong; `now` is the time here in epoch milliseconds, by which it sees
    that its clock is off. Of a body only size and digest are logged.
    """
    told: dict[str, Any] = {"error": refusal.reason}
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
        told["now"] = now_ms()
    return Response.of_json(told, refusal.status)
