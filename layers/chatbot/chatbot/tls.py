"""Whom we trust over TLS."""

from __future__ import annotations

import os
import ssl
import threading
from functools import cache

_LOADING = threading.Lock()


def trust() -> ssl.SSLContext:
    """One context for the model and the platforms: to load the authorities takes longer than all
    else that opens a connection. `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as for OpenSSL.
    """
    with _LOADING:
        return _load()


@cache
def _load() -> ssl.SSLContext:
    from certifi import where

    folder = os.environ.get("SSL_CERT_DIR")
    file = os.environ.get("SSL_CERT_FILE") or (None if folder else where())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # demands a certificate for the right name
    context.load_verify_locations(file, folder)
    return context
