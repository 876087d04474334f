"""Connections of urllib3 that keep the deadline of `net.deadline`, whatever the server does."""

from __future__ import annotations

import io
import socket
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from chatbot.net.addresses import addresses
from chatbot.net.deadline import remaining

_SLICE = 16_384
"""Bytes that are sent at once: one record of TLS."""


class _Incoming(io.RawIOBase):
    """What a socket receives; every wait for it ends with the deadline."""

    def __init__(self, timed: TimedSocket, raw: socket.SocketIO) -> None:
        self._timed = timed
        self._raw = raw

    def readable(self) -> bool:
        """Return True (io.RawIOBase)."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Receive into the buffer (io.RawIOBase). Raises TimeoutError."""
        self._timed.limit(self._timed.timeout)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Close it; the socket is closed when its last user has closed it."""
        self._raw.close()
        super().close()


class TimedSocket:
    """A connected socket, whose timeout is cut before each wait; all else is as in the socket."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.timeout = connected.gettimeout()

    def __getattr__(self, name: str) -> Any:
        """Return what is as in the socket."""
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        """Set the longest time between two bytes."""
        self.timeout = seconds
        self._socket.settimeout(seconds)

    def limit(self, timeout: float | None) -> None:
        """Let the next wait end with the deadline. Raises TimeoutError when it has passed."""
        self._socket.settimeout(remaining(timeout))

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        """Return what is received as a file (http.client reads answers so)."""
        if mode != "rb":
            raise ValueError(mode)
        return io.BufferedReader(_Incoming(self, self._socket.makefile("rb", buffering=0)))

    def sendall(self, content: bytes | memoryview) -> None:
        """Send all of the bytes by the deadline. Raises TimeoutError.

        urllib3 would allow the time for connecting.
        """
        view = memoryview(content).cast("B")
        for start in range(0, len(view), _SLICE):
            self.limit(None)
            self._socket.sendall(view[start : start + _SLICE])


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect to one of the server's addresses, as urllib3 does, but within one timeout for all."""
    timeout = connection.timeout if isinstance(connection.timeout, (int, float)) else None
    failed: OSError = TimeoutError("no address answered")
    try:
        for (family, address), seconds in addresses(
            connection._dns_host.strip("[]"), connection.port, timeout
        ):
            try:
                sock = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:  # such as for IPv6, where the system has none
                failed = error
                continue
            try:
                for option in connection.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(seconds)
                sock.connect(address)
                sock.settimeout(remaining(timeout))  # for the handshake of TLS
                return sock
            except OSError as error:
                sock.close()
                failed = error
    except OSError as error:
        failed = error
    if isinstance(failed, TimeoutError):
        raise ConnectTimeoutError(connection, "timed out")
    raise NewConnectionError(connection, type(failed).__name__)


class _Http(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        """Connect (urllib3)."""
        super().connect()
        self.sock: Any = TimedSocket(self.sock)


class _Https(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        """Connect (urllib3). The handshake has the timeout for connecting as a whole (ssl)."""
        super().connect()
        self.sock: Any = TimedSocket(self.sock)


class TimedHttpPool(HTTPConnectionPool):
    """Connections to one server by http."""

    ConnectionCls = _Http


class TimedHttpsPool(HTTPSConnectionPool):
    """Connections to one server by https."""

    ConnectionCls = _Https


POOLS = {"http": TimedHttpPool, "https": TimedHttpsPool}
