"""A server on loopback that sends one byte at a time for ever, or takes what it is sent so."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PAUSE = 0.05
"""Seconds between two bytes: far less than any timeout, so that only a deadline ends it."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PLACES = {
    "status": b"HTTP/1.1 200 ",
    "headers": HEAD + b"X-Slow: ",
    "body": HEAD + b'Content-Length: 1000000\r\n\r\n{"',
    "body to the end": HEAD + b'Connection: close\r\n\r\n{"',
    "chunks": HEAD + b'Transfer-Encoding: chunked\r\n\r\nffff\r\n{"',
    "error": b'HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\n{"',
}
"""What is sent at once before it drips: the answer as far as the place of this name."""


@contextmanager
def dripping(place: str) -> Iterator[str]:
    """Serve at the URL; at the place "request" nothing is sent, and hardly anything received."""
    over = threading.Event()
    with socket.socket() as listener:
        if place == "request":  # takes hardly more than the request's headers
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                if place == "request":
                    while not over.is_set() and connection.recv(1):
                        time.sleep(PAUSE)
                    return
                connection.recv(65536)
                connection.sendall(PLACES[place])
                while not over.wait(PAUSE):
                    connection.sendall(b"x")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=talk, args=[connection], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
