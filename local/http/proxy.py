"""A reverse proxy: forward requests to another server, and its responses back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import urllib3
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TIMEOUT = urllib3.Timeout(connect=10, read=300)
# Headers of one connection only (RFC 9110, 7.6.1), and those that each server adds itself.
_HOP_BY_HOP = set(
    "connection date host keep-alive server te trailer transfer-encoding upgrade".split()
)
# Where a browser's request came from: the proxy's own does not come from there.
_BROWSERS = {"sec-fetch-site"}


class Proxy:
    """A WSGI application that forwards to `base_url`. Responses are streamed chunk by chunk.

    A request that gets no response is answered with status 502, with the kind of error only.
    """

    def __init__(self, base_url: str) -> None:
        self._base = base_url.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=32, retries=False, timeout=TIMEOUT)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        request = Request(environ)
        headers = {k: v for k, v in request.headers if k.lower() not in _HOP_BY_HOP | _BROWSERS}
        # The raw path: the decoded one would lose an escaped slash.
        target = environ["REQUEST_URI"].removeprefix(environ["SCRIPT_NAME"])
        try:
            answer = self._pool.request(
                request.method,
                self._base + target,
                body=request.get_data() or None,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.HTTPError as error:
            # The error's text holds the URL, and Telegram's URLs hold the token.
            body = json.dumps({"error": {"message": f"upstream: {type(error).__name__}"}})
            return Response(body, 502, mimetype="application/json")(environ, start_response)
        start_response(
            f"{answer.status} {answer.reason or ''}",
            [item for item in answer.headers.items() if item[0].lower() not in _HOP_BY_HOP],
        )
        return ClosingIterator(answer.stream(decode_content=False), answer.release_conn)
