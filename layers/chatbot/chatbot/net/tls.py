"""Whom we trust over TLS."""

from __future__ import annotations

import os
import ssl
from functools import cache


@cache
def trust() -> ssl.SSLContext:
    """One context for all who connect: to load the authorities takes longer than a handshake.

    These are certifi's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, as for OpenSSL.
    """
    from certifi import where  # the model's SDK does without it: nothing dearer to import

    folder = os.environ.get("SSL_CERT_DIR")
    file = os.environ.get("SSL_CERT_FILE") or (None if folder else where())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # demands a certificate for the right name
    context.load_verify_locations(file, folder)
    return context
