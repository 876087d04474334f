"""Loopback HTTP servers for the WSGI applications of the local stack."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Running:
    """A server that answers at `url` (no slash at its end) until it is closed."""

    url: str
    port: int
    _server: BaseWSGIServer
    _thread: threading.Thread

    def close(self) -> None:
        """Stop listening; the port is free on return. Requests in progress die with the process."""
        self._server.shutdown()
        self._thread.join()


def serve(app: WSGIApplication, port: int = 0) -> Running:
    """Serve `app` on 127.0.0.1, a thread per request, one request per connection.

    Port 0 takes a free one. Raises OSError (errno EADDRINUSE) where the port is taken.
    """
    # werkzeug's own binding prints and exits the process when the port is taken.
    with socket.create_server((HOST, port), backlog=128) as listener:
        server = make_server(
            HOST,
            port,
            OwnHostOnly(app),
            threaded=True,
            request_handler=_QuietHandler,
            fd=listener.fileno(),
        )
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    return Running(f"http://{HOST}:{server.port}", server.port, server, thread)


class OwnHostOnly:
    """Refuses requests made under another host's name, as a rebinding attack on a browser does."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name, _, port = environ.get("HTTP_HOST", "").partition(":")
        if name not in (HOST, "localhost") or port not in ("", environ["SERVER_PORT"]):
            refusal = Response("unknown host\n", HTTPStatus.FORBIDDEN)
            return refusal(environ, start_response)
        return self._app(environ, start_response)


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # for chunked answers; werkzeug still closes each connection
    disable_nagle_algorithm = True  # headers and body, and each chunk, are small separate writes

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: request lines hold tokens, and the stack writes its own log."""
