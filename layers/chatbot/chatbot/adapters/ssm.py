"""Settings from the environment and the SSM parameter store, cached for some minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.core.errors import InvalidSetting, ParametersUnavailable
from chatbot.core.ports import Journal
from chatbot.core.settings import Settings, entries, load, secrets_of

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

SETTINGS_PARAMETER = "SETTINGS"
RETRY_AFTER = 10.0
"""Seconds until a refresh that failed is tried again."""


class Parameters:
    """The settings of one function; safe to share between threads.

    One GetParameters call (at most ten names) reads the secrets of `function` and SETTINGS below
    `PARAMETER_PATH`. Without a path the environment is all there is. A parameter that does not
    exist is unset.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        function: str,
        ssm: SSMClient,
        journal: Journal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environ = environ
        self._names = [*secrets_of(function), SETTINGS_PARAMETER]
        self._ssm = ssm
        self._journal = journal
        self._clock = clock
        self._lock = threading.Lock()
        self._settings: Settings | None = None
        self._fresh_until = 0.0

    def settings(self) -> Settings:
        """The settings, at most SETTINGS_TTL old; the same object as long as nothing changed.

        When the store does not answer, or holds what cannot be read, the last settings stay.
        Raises ParametersUnavailable when there are none yet.
        """
        with self._lock:
            if self._settings is None or self._clock() >= self._fresh_until:
                self._settings = self._refresh(self._settings)
            return self._settings

    def forget(self) -> None:
        """Read again at the next use: a platform said that a secret is no longer good."""
        with self._lock:
            self._fresh_until = 0.0

    def _refresh(self, known: Settings | None) -> Settings:
        try:
            settings = load(self._environ, *self._stored())
        except (BotoCoreError, ClientError, InvalidSetting, KeyError) as error:
            # KeyError: of a body that it cannot read, the SDK makes an empty answer.
            reason = str(error) if isinstance(error, InvalidSetting) else type(error).__name__
            if known is None:
                raise ParametersUnavailable(reason) from None
            self._journal.warning("settings_not_refreshed", reason=reason)
            self._fresh_until = self._clock() + RETRY_AFTER
            return known
        self._fresh_until = self._clock() + settings.settings_ttl
        return known if settings == known else settings

    def _stored(self) -> list[dict[str, str]]:
        """Secrets by name, and the SETTINGS document's entries as text."""
        path = self._environ.get("PARAMETER_PATH", "").rstrip("/")
        if not path:
            return []
        answer = self._ssm.get_parameters(
            Names=[f"{path}/{name}" for name in self._names], WithDecryption=True
        )
        values = {
            parameter["Name"].removeprefix(f"{path}/"): parameter["Value"]
            for parameter in answer["Parameters"]
        }
        document = values.pop(SETTINGS_PARAMETER, "")
        return [values, entries(document)]
