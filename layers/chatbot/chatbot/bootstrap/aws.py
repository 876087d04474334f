"""How every function's AWS clients behave."""

from __future__ import annotations

from botocore import __version__
from botocore.config import Config


def client_config() -> Config:
    """Short timeouts: a call that hangs must leave time to say so. Retries count the first try."""
    return Config(
        # By itself the SDK puts it together twice in each call, for a tenth of the call's time.
        user_agent=f"chatbot Botocore/{__version__}",
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
