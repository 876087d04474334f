"""aimock (npm, MIT), a model server for tests with the OpenAI API, faults and chaos.

Its answers are "fixtures", chosen by the words of the last user message; its journal lists the
requests, by the test that the base URL's query names (https://aimock.copilotkit.dev/docs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.interop.processes import running

ROOT = Path(__file__).parents[2]
KEY = "aimock-test-key"
_NODE = ROOT / ".venv-node/bin/node"
_FOLDER = ROOT / "tests/interop/aimock"
_PROGRAM = _FOLDER / "node_modules/@copilotkit/aimock/dist/cli.js"


@dataclass(frozen=True)
class AiMock:
    """A running aimock at `url`, without a path."""

    url: str

    def base_url(self, test: str = "", path: str = "/v1", query: str = "") -> str:
        """The OPENAI_BASE_URL with which requests are listed under `test`."""
        named = f"testId={test}" if test else ""
        return f"{self.url}{path}?{'&'.join(filter(None, (query, named)))}".rstrip("?")

    def journal(self, test: str = "") -> list[dict[str, Any]]:
        """The requests that were answered, oldest first; of one test, or all."""
        reply = requests.get(
            f"{self.url}/__aimock/journal",
            params={"testId": test} if test else {},
            headers={"authorization": f"Bearer {KEY}"},
            timeout=10,
        )
        reply.raise_for_status()
        entries: list[dict[str, Any]] = reply.json()
        return entries


@contextmanager
def aimock(
    folder: Path,
    fixtures: Sequence[Mapping[str, Any]],
    *options: str,
    seed: int | None = None,
) -> Iterator[AiMock]:
    """Run aimock with these fixtures; `folder` gets its files. With `seed`, chaos is repeatable."""
    file = folder / "fixtures.json"
    file.write_text(json.dumps({"fixtures": list(fixtures)}), encoding="utf-8")
    environment = {"AIMOCK_API_KEYS": KEY}
    node: list[str | Path] = [_NODE]
    if seed is not None:
        environment["SEED"] = str(seed)
        node += ["--require", _FOLDER / "seeded.cjs"]
    command = [*node, _PROGRAM, "--port", "0", "--fixtures", file, *options]
    with running(command, folder / "aimock.log", environment) as program:
        listening = re.compile(r"listening on (http://127\.0\.0\.1:\d+)$", re.MULTILINE)
        program.until(lambda: listening.search(program.said()) is not None, seconds=60)
        [url] = listening.findall(program.said())
        yield AiMock(url)
