"""Client of Meta's Graph API.

Each call has an access token and the `appsecret_proof` that its caller knows the app's secret:
https://developers.facebook.com/docs/graph-api/guides/secure-requests. Error codes:
https://developers.facebook.com/docs/messenger-platform/error-codes.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from chatbot.channels.payload import want
from chatbot.core.errors import (
    AmbiguousPost,
    ChatbotError,
    CredentialRefused,
    Malformed,
    PostRefused,
    Undeliverable,
)
from chatbot.core.settings import Settings
from chatbot.net.post import Answer, Session, send

# By code and subcode, as different errors share a code.
_TRANSIENT = (1, 2, 1200)
_RATE_LIMITS = (4, 17, 32, 613, 80006)
_UNDELIVERABLE = {
    (10, 2018278): "outside_window",
    (10, 2018108): "unavailable",
    (200, 1545041): "unavailable",
    (100, 2018001): "no_such_user",
}
_UNAVAILABLE, _TOKEN_DEAD, _NOT_ALLOWED, _NOT_APPROVED = 551, 190, 200, 2018028


class GraphApi:
    """Calls the Graph API with the token of the page or the app. Threads may share it.

    `request` are arguments of net.post.send: `timeout`, `params`, `fields`, `files`. Every method
    returns the answer whatever its status; it raises PostRefused, AmbiguousPost.
    """

    def __init__(self, settings: Settings, session: Session) -> None:
        self._settings = settings
        self._base = settings.graph_api_url.rstrip("/")
        self._session = session

    def page(self, method: str, edge: str, **request: Any) -> Answer:
        """Call an edge of our page, such as `messages`, with the page's token."""
        return self.as_page(method, f"{self._settings.messenger_page_id}/{edge}", **request)

    def app(self, method: str, edge: str, **request: Any) -> Answer:
        """Call an edge of our app, such as `subscriptions`, with the app's token."""
        return self.as_app(method, f"{self._settings.messenger_app_id}/{edge}", **request)

    def as_page(self, method: str, path: str, **request: Any) -> Answer:
        """Call any path with the page's token."""
        return self._call(method, path, self._settings.messenger_page_token, **request)

    def as_app(self, method: str, path: str, **request: Any) -> Answer:
        """Call any path with the app's token, `<app id>|<app secret>`."""
        settings = self._settings
        token = f"{settings.messenger_app_id}|{settings.messenger_app_secret}"
        return self._call(method, path, token, **request)

    def _call(
        self,
        method: str,
        path: str,
        token: str,
        params: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Answer:
        secret = self._settings.messenger_app_secret.encode()
        proof = hmac.digest(secret, token.encode(), "sha256").hex()
        return send(
            self._session,
            method,
            f"{self._base}/{path}",
            params={**(params or {}), "appsecret_proof": proof},
            headers={"Authorization": b"Bearer " + token.encode()},
            **request,
        )


def refusal_of(answer: Answer) -> ChatbotError:
    """Return the error that an answer without success stands for.

    Meta's error code decides; the status does only for other codes. The error is a PostRefused,
    CredentialRefused, Undeliverable or AmbiguousPost.
    """
    code, subcode = _codes(answer)
    if (code, subcode) in _UNDELIVERABLE or code == _UNAVAILABLE:
        return Undeliverable(_UNDELIVERABLE.get((code, subcode), "unavailable"))
    if code in (_TOKEN_DEAD, _NOT_ALLOWED) or subcode == _NOT_APPROVED:
        return CredentialRefused(f"code {code}/{subcode}", answer.retry_after)
    if code in _RATE_LIMITS:
        return PostRefused(f"code {code}", answer.retry_after)
    if code in _TRANSIENT:
        return AmbiguousPost(f"code {code}")
    return answer.refusal() or Undeliverable("bad_request")


def description_of(answer: Answer) -> str:
    """Return the platform's error message; "" when there is none."""
    error = (answer.body or {}).get("error")
    text = error.get("message") if isinstance(error, dict) else None
    return text if isinstance(text, str) else ""


def _codes(answer: Answer) -> tuple[int, int]:
    """Code and subcode of a Graph API error; 0 where there is none."""
    try:
        error = want(answer.body, "error", dict)
        return want(error, "code", int) or 0, want(error, "error_subcode", int) or 0
    except Malformed:
        return 0, 0
