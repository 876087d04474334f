"""Errors as model servers really send them, by name: `refusals.json`, each with its source.

A message with the mark `[[error:NAME]]` is answered with that error. `kind` and `detail` are what
`chatbot.adapters.openai` should make of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.standins.faults import Fault


@dataclass(frozen=True)
class Refusal:
    """An error's status and body, a JSON value or a text."""

    name: str
    kind: str
    detail: str
    status: int
    body: Any
    source: str

    @property
    def text(self) -> str:
        """The body as it is sent."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body)

    def fault(self, **rule: Any) -> Fault:
        """A rule by which the next requests meet this error."""
        return Fault("status", status=self.status, body=self.text or " ", **rule)


REFUSALS: dict[str, Refusal] = {
    row["name"]: Refusal(**row)
    for row in json.loads(Path(__file__).with_name("refusals.json").read_text(encoding="utf-8"))
}
