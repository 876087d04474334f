"""Configuration of the AWS clients of every function."""

from __future__ import annotations

from botocore import __version__
from botocore.config import Config


def client_config() -> Config:
    """Return the configuration of the AWS SDK's clients: short timeouts and two retries.

    A call that hangs must leave the function enough time to report it.
    """
    return Config(
        # Otherwise the SDK builds this header twice in each call, which takes a tenth of its time.
        user_agent=f"chatbot Botocore/{__version__}",
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},  # with the first one
    )
