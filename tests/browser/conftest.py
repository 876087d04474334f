"""The local stack, Debian's Chromium, and visitors of the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from local.stack import Options, Stack
from tests.browser.visitor import (
    CHROMIUM,
    DESKTOP,
    FLAGS,
    PHONE,
    SECONDS,
    Screen,
    Visit,
    Visitor,
    visit,
)

ABSENT = f"{CHROMIUM} is absent: apt-get install chromium"
SETTINGS = {
    "RETRY_DELAY": "100ms",
    "SETTLE": "1s",
    "SETTINGS_TTL": "0s",
    "WEB_ACCESS": "open",
    "WEB_ACCESS_CODE": "sesame",
}


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with Stack(Options(settings=SETTINGS)) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        if os.environ.get("CI"):
            pytest.fail(ABSENT)
        pytest.skip(ABSENT)
    expect.set_options(timeout=SECONDS)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def visitors(browser: Browser, stack: Stack) -> Iterator[Visit]:
    """Make visitors. At the end none of their consoles may show an error.

    Tests may slow the model down: its speed is reset after each.
    """
    made: list[Visitor] = []
    with ExitStack() as open_ones:

        def make(screen: Screen, locale: str = "en-GB") -> Visitor:
            made.append(open_ones.enter_context(visit(browser, stack, screen, locale)))
            return made[-1]

        yield make
        stack.openai.first_token_s = stack.openai.token_s = 0
        for visitor in made:
            assert visitor.errors == []


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def visitor(request: pytest.FixtureRequest, visitors: Visit) -> Visitor:
    return visitors(request.param)


@pytest.fixture
def desktop(visitors: Visit) -> Visitor:
    return visitors(DESKTOP)
