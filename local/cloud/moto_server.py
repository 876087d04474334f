"""moto's server as a program: `python -m local.cloud.moto_server`.

It prints its URL on one line when it answers there, and ends when its standard input does.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local.cloud.moto_fixes import dynamodb, sqs
from local.http.pages import nowhere
from local.http.server import serve
from ops.printing import print_errors_safely, say

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def main() -> None:
    """Serve moto, with its fixes, until standard input ends."""
    sqs.apply()
    dynamodb.apply()
    # Imports all services: that takes long, and happens while the stack starts.
    create_backend_app("cloudformation")
    app = DomainDispatcherApplication(create_backend_app)
    server = serve(_serialised(app), pages=nowhere)
    with suppress(BrokenPipeError):  # the stack has ended already
        say(server.url)
        sys.stdin.read()  # ends when the stack does, however it ends
    os._exit(0)  # nothing to save, and tidying up takes a second


def _serialised(app: WSGIApplication) -> WSGIApplication:
    """Let `app` handle one request at a time.

    moto checks a condition and writes in two steps, between which another thread could write. A
    receive that waits would hold up every other request: receive without waiting.
    """
    lock = threading.Lock()

    def locked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return list(app(environ, start_response))

    return locked


if __name__ == "__main__":
    print_errors_safely()
    main()
