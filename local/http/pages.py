"""Refuse what a foreign web page can send to servers on this machine.

Any page that is open in a browser can send requests to 127.0.0.1: under its own host's name once
that name resolves to it (DNS rebinding, after which it may read the responses, too), or across
sites, where it may not read them but they take effect. Browsers name a page's host in `Host`, its
origin in `Origin` (with every POST, as `null` where it is hidden; Fetch standard, "`Origin`
header"), and where a request comes from in `Sec-Fetch-Site` (W3C, Fetch Metadata Request Headers).
Programs send neither of the latter. Nor does a browser without Fetch Metadata with a GET, which
therefore passes for a program's (docs/security.md, "The local stack").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
CONTAINERS_HOST = "host.docker.internal"  # this machine's name in Docker containers
_OWN_NAMES = (HOST, "localhost", CONTAINERS_HOST)
_EMULATORS_OWN = "/moto-api"  # resets and reconfigures moto; nothing of the stack uses it

Pages = Callable[["WSGIEnvironment"], bool]
"""Whether a web page may cause the request."""


def outside_local(environ: WSGIEnvironment) -> bool:
    """Everywhere but below `/_local/`, which is for programs and for reading by our own pages."""
    if not environ["PATH_INFO"].startswith("/_local/"):
        return True
    return "HTTP_ORIGIN" not in environ and _site(environ) == "same-origin"


def nowhere(environ: WSGIEnvironment) -> bool:
    """No request: the server is for programs only."""
    return False


def at_links(environ: WSGIEnvironment) -> bool:
    """Reading at a presigned link to a file in a bucket, as the web page shows pictures.

    Not the query protocol, in which a GET can name any `Action`.
    """
    query = Request(environ).args
    reads = environ["REQUEST_METHOD"] in ("GET", "HEAD") and "HTTP_ORIGIN" not in environ
    return reads and "X-Amz-Signature" in query and "Action" not in query


class OwnOnly:
    """Middleware that answers status 403 to requests which a foreign web page may have caused.

    Refused are requests under another host's name, what comes from a page where `pages` allows none
    to, and moto's own API.
    """

    def __init__(self, app: WSGIApplication, pages: Pages) -> None:
        self._app, self._pages = app, pages

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        if self._refused(environ):
            refusal = Response("not from there\n", HTTPStatus.FORBIDDEN)
            return refusal(environ, start_response)
        return self._app(environ, start_response)

    def _refused(self, environ: WSGIEnvironment) -> bool:
        name, _, port = environ.get("HTTP_HOST", "").partition(":")
        own = name in _OWN_NAMES and port in ("", environ["SERVER_PORT"])
        path = environ["PATH_INFO"].removeprefix("/_local/aws")
        if not own or f"/{path.lstrip('/')}".startswith(_EMULATORS_OWN):
            return True
        from_page = "HTTP_ORIGIN" in environ or _site(environ) not in ("", "none")
        return from_page and not self._pages(environ)


def _site(environ: WSGIEnvironment) -> str:
    """Where a browser says that the request comes from; "none" for what a person typed."""
    return str(environ.get("HTTP_SEC_FETCH_SITE", ""))
