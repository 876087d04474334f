"""Settings from the environment and the SSM parameter store, cached for SETTINGS_TTL."""

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
"""Name of the parameter with all settings that are no secrets, a JSON object."""
RETRY_AFTER = 10.0
"""Seconds until a failed refresh is repeated."""


class Parameters:
    """The settings of one Lambda function; thread-safe.

    One GetParameters call (at most ten names) reads the secrets of `function` and SETTINGS below
    `PARAMETER_PATH`. Without that variable only the environment is used. A parameter that does not
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
        """The settings, at most SETTINGS_TTL old; the same object while nothing has changed.

        When they cannot be read or parsed, the previous settings stay in force. Raises
        ParametersUnavailable when there are none yet.
        """
        with self._lock:
            if self._settings is None or self._clock() >= self._fresh_until:
                self._settings = self._refresh(self._settings)
            return self._settings

    def forget(self) -> None:
        """Read the parameters again at the next use, after a platform refused a credential."""
        with self._lock:
            self._fresh_until = 0.0

    def _refresh(self, current: Settings | None) -> Settings:
        try:
            settings = load(self._environ, *self._stored())
        except (BotoCoreError, ClientError, InvalidSetting, KeyError) as error:
            # KeyError: the SDK turns a body that it cannot parse into an empty answer.
            reason = str(error) if isinstance(error, InvalidSetting) else type(error).__name__
            if current is None:
                raise ParametersUnavailable(reason) from None
            self._journal.warning("settings_not_refreshed", reason=reason)
            self._fresh_until = self._clock() + RETRY_AFTER
            return current
        self._fresh_until = self._clock() + settings.settings_ttl
        return current if settings == current else settings

    def _stored(self) -> list[dict[str, str]]:
        """Two sources for `settings.load`: the secrets, and the entries of SETTINGS."""
        path = self._environ.get("PARAMETER_PATH", "").rstrip("/")
        if not path:
            return []
        names = [f"{path}/{name}" for name in self._names]
        answer = self._ssm.get_parameters(Names=names, WithDecryption=True)
        values = {
            parameter["Name"].removeprefix(f"{path}/"): parameter["Value"]
            for parameter in answer["Parameters"]
        }
        document = values.pop(SETTINGS_PARAMETER, "")
        return [values, entries(document)]
