"""The AWS clients of every function: their configuration, and clients that are rarely needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal

import boto3
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


def brief(config: Config) -> Config:
    """Return the configuration for the doors' calls of the queue: two tries, within 7 seconds.

    After them the function has some of its 10 seconds (WebhookTimeout) left to give places back and
    to answer, so that the platform repeats its request at once.
    """
    return config.merge(
        Config(
            connect_timeout=1,
            read_timeout=2,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
    )


def hasty(config: Config) -> Config:
    """Return the configuration for calls that nobody should wait for: one try, within 2 seconds."""
    return config.merge(
        Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    )


def lazy_client(
    service: Literal["dynamodb", "s3"], config: Config, environ: Mapping[str, str]
) -> Callable[[], Any]:
    """Return a function that creates the client of `service` at its first call, and then keeps it.

    Threads may share it. A client that most invocations do not need thus costs a cold start
    nothing. Session and endpoint are taken now, as the other clients' are: by the first use, tests
    and the local stack may have changed the environment.
    """
    session = boto3.DEFAULT_SESSION or boto3.Session()
    endpoint = environ.get("AWS_ENDPOINT_URL") or None
    lock = threading.Lock()  # sessions are not thread-safe

    @cache
    def create() -> Any:
        return session.client(service, config=config, endpoint_url=endpoint)

    def client() -> Any:
        with lock:
            return create()

    return client
