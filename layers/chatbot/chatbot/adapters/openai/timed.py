"""Let the SDK's connections keep the deadline of `net.deadline`, whatever the server does."""

from __future__ import annotations

import ssl
from typing import Any

from httpcore2 import (
    ConnectError,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadTimeout,
    WriteTimeout,
)
from httpx2 import Client

from chatbot.net.addresses import addresses
from chatbot.net.deadline import remaining

_SLICE = 16_384
"""Bytes that are sent at once: one record of TLS."""


def keep_deadlines(client: Client) -> None:
    """Have all connections of the client ask how long they may wait.

    httpx2 takes no network backend: it is put into its pools, also into those of proxies. A test
    notices if a version of it keeps them elsewhere (tests/component/test_dripping.py).
    """
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _TimedBackend(pool._network_backend)


class _TimedBackend(NetworkBackend):
    """Connects as another backend does (httpcore2.NetworkBackend)."""

    def __init__(self, backend: NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> NetworkStream:
        """Connect to one of the server's addresses, within one timeout for all of them."""
        failed: Exception = ConnectTimeout()
        try:
            for (_, address), seconds in addresses(host, port, timeout):
                try:
                    stream = self._backend.connect_tcp(
                        str(address[0]), port, seconds, *args, **kwargs
                    )
                    return _TimedStream(stream)
                except (ConnectError, ConnectTimeout) as error:
                    failed = error
        except TimeoutError:
            raise ConnectTimeout from None
        except OSError:
            raise ConnectError from None
        raise failed

    def connect_unix_socket(self, *args: Any, **kwargs: Any) -> NetworkStream:
        """Connect, within the timeout for that."""
        return _TimedStream(self._backend.connect_unix_socket(*args, **kwargs))

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        self._backend.sleep(seconds)


class _TimedStream(NetworkStream):
    """A connection whose every wait ends with the deadline (httpcore2.NetworkStream)."""

    def __init__(self, stream: NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive some bytes. Raises ReadTimeout."""
        try:
            timeout = remaining(timeout)
        except TimeoutError:
            raise ReadTimeout from None
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of the bytes. Raises WriteTimeout."""
        for start in range(0, len(buffer), _SLICE):
            try:
                timeout = remaining(timeout)
            except TimeoutError:
                raise WriteTimeout from None
            self._stream.write(buffer[start : start + _SLICE], timeout)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        """Encrypt the connection; the handshake has the timeout as a whole (ssl)."""
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the connection."""
        return self._stream.get_extra_info(info)
