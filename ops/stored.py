"""Read and write a stack's secrets and settings in the parameter store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chatbot.adapters.ssm import SETTINGS_PARAMETER
from chatbot.core.settings import Settings, describe, entries, load
from ops.target import NoTarget, Target, name_of

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

MEANINGS = {info.name: info.meaning for info in describe()}
"""What each setting means, in a few words, by the setting's name."""
SECRETS = tuple(info.name for info in describe() if info.readers)
"""Names of the settings that are stored as secrets."""


class Stored:
    """A stack's parameters below `path`, such as `/chatbot`.

    Each method raises NoTarget when the store refuses the call or does not answer.
    """

    def __init__(self, ssm: SSMClient, path: str) -> None:
        self._ssm = ssm
        self._path = path.rstrip("/")

    @classmethod
    def of(cls, target: Target) -> Stored:
        """Return the parameters of a stack, below its `ParameterPath`."""
        return cls(target.client("ssm"), name_of(target, "ParameterPath"))

    def read(self) -> dict[str, str]:
        """Return all stored secrets and settings by name."""
        names = [f"{self._path}/{name}" for name in (*SECRETS, SETTINGS_PARAMETER)]
        try:
            answer = self._ssm.get_parameters(Names=names, WithDecryption=True)
        except (BotoCoreError, ClientError) as error:
            raise NoTarget(f"parameter store: {error}") from error
        found = {each["Name"].rpartition("/")[2]: each["Value"] for each in answer["Parameters"]}
        document = found.pop(SETTINGS_PARAMETER, "")
        return entries(document) | found

    def write(self, values: Mapping[str, str]) -> None:
        """Store secrets and settings; those not named keep their values.

        Each secret is a parameter of its own (SecureString). The other settings are merged into the
        JSON document `SETTINGS`.
        """
        for name in SECRETS:
            if values.get(name):
                self._put(name, values[name], "SecureString")
        plain = {name: value for name, value in values.items() if name not in SECRETS}
        if plain:
            kept = {name: value for name, value in self.read().items() if name not in SECRETS}
            merged = {name: value for name, value in (kept | plain).items() if value}
            self._put(SETTINGS_PARAMETER, json.dumps(merged, ensure_ascii=False), "String")

    def _put(self, name: str, value: str, kind: Any) -> None:
        try:
            self._ssm.put_parameter(
                Name=f"{self._path}/{name}", Value=value, Type=kind, Overwrite=True
            )
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            # The error's text may quote the value that was to be stored.
            raise NoTarget(f"{name} not stored: {code or type(error).__name__}") from None


def settings_of(target: Target) -> Settings:
    """Return the settings as the stack's functions read them. Raises InvalidSetting, NoTarget."""
    return load(target.settings, Stored.of(target).read())
