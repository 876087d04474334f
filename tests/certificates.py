"""Self-signed certificates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def certify(path: Path, name: x509.GeneralName) -> Path:
    """Make a self-signed certificate for `name`; write its key and itself to `path`."""
    key, nobody, day = ec.generate_private_key(ec.SECP256R1()), x509.Name([]), timedelta(days=1)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(nobody, nobody, key.public_key(), 1, now - day, now + day)
    names = x509.SubjectAlternativeName([name])
    certificate = builder.add_extension(names, critical=True).sign(key, hashes.SHA256())
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path
