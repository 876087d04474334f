"""The TLS context of all outgoing connections."""

from __future__ import annotations

import os
import ssl
from functools import cache


@cache
def trust() -> ssl.SSLContext:
    """Return the context that all connections share: loading it takes longer than a handshake.

    Its certificate authorities are certifi's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR`
    name, as for OpenSSL.
    """
    from certifi import where  # imported here: importing this module alone needs no authorities

    folder = os.environ.get("SSL_CERT_DIR")
    file = os.environ.get("SSL_CERT_FILE") or (None if folder else where())
    # This protocol requires a certificate that is valid for the host's name.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file, folder)
    return context
