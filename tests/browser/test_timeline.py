"""The page counts turns by the same rule as the prompt and the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests/timeline_cases.json").read_text())
TURN = {"origin": "model", "fresh_start": False, "lifted": False, "replaces": "", "merged_into": ""}
PROGRAM = """(turns) => {
    const stretch = stretchesOf(turns).pop();
    const replaced = replacedIn(stretch);
    const ids = stretch.map(({ id }) => id);
    const exchanges = stretch.filter((turn) => isExchange(turn) && !replaced.has(turn.id));
    return { stretch: ids, exchanges: exchanges.map(({ id }) => id) };
}"""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_page_follows_the_rule(browser: Browser, case: dict[str, Any]) -> None:
    module = (ROOT / "functions/web/assets/timeline.js").read_text()
    page = browser.new_page()
    page.add_script_tag(content=re.sub("^export ", "", module, flags=re.MULTILINE))
    found = page.evaluate(PROGRAM, [{**TURN, **turn} for turn in case["turns"]])
    assert found == {"stretch": case["stretch"], "exchanges": case["exchanges"]}
    page.close()
