"""Serve WSGI applications over HTTP on the loopback interface."""

from __future__ import annotations

import selectors
import socket
import threading
from io import BytesIO
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wsgi import get_input_stream

from local.http.pages import HOST, OwnOnly, Pages, outside_local

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_BACKLOG = 128


class Running:
    """A server that answers at `url`, which has no slash at its end, until it is closed."""

    def __init__(self, app: WSGIApplication, port: int, pages: Pages) -> None:
        self._app = OwnOnly(app, pages)
        # werkzeug's own binding prints and exits the process when the port is taken.
        self._listener = socket.create_server((HOST, port), backlog=_BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._start()

    def refuse(self) -> None:
        """Let connections be refused, as where nothing listens. The port stays reserved."""
        self.close()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((HOST, self.port))

    def listen(self) -> None:
        """Accept connections on the port again, which `refuse` has refused until now."""
        self._listener.listen(_BACKLOG)
        self._start()

    def close(self) -> None:
        """Stop listening; the port is free on return. Requests in progress die with the process."""
        self._closing.close()
        self._thread.join()
        self._listener.close()

    def _start(self) -> None:
        fd = self._listener.fileno()
        self._closing, closed = socket.socketpair()
        server = make_server(HOST, self.port, self._app, True, 1, _QuietHandler, fd=fd)
        self._thread = threading.Thread(target=_serve, args=[server, closed], daemon=True)
        self._thread.start()


def _serve(server: BaseWSGIServer, closed: socket.socket) -> None:
    """Until the other end of `closed` is. `serve_forever` would look every so often."""
    server.timeout = 0  # a connection may be gone again before it is taken
    with server, closed, selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        selector.register(closed, selectors.EVENT_READ)
        while all(key.fileobj is server for key, _ in selector.select()):
            server.handle_request()


def serve(app: WSGIApplication, port: int = 0, pages: Pages = outside_local) -> Running:
    """Serve `app` on 127.0.0.1, in a thread per request, with one request per connection.

    Port 0 takes a free one. `pages` says where web pages may send requests, of this machine's
    servers only. Raises OSError (errno EADDRINUSE) when the port is taken.
    """
    return Running(app, port, pages)


def body_of(environ: WSGIEnvironment) -> bytes:
    """Read the whole body of a request, and put it back so that it can be read again."""
    body = get_input_stream(environ).read()
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ.pop("wsgi.input_terminated", None)
    return body


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # for chunked answers; werkzeug still closes each connection
    disable_nagle_algorithm = True  # headers and body, and each chunk, are small separate writes

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: request lines hold tokens, and the stack writes its own log."""
