"""A person who uses the page in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from chatbot.adapters.dynamodb.turns import Table
from chatbot.channels.web.session import session_of
from chatbot.core.key import TurnKey
from chatbot.core.message import Author
from chatbot.core.ports import now_ms
from chatbot.core.settings import load
from chatbot.core.turn import Links, Origin, Reply, State, Turn
from local.stack import Stack

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SECONDS = 20_000  # milliseconds: the longest wait for anything
UNDER_WAY = ".typing, .draft, [data-state=waiting], [data-state=queued]"


@dataclass(frozen=True)
class Screen:
    width: int
    height: int
    theme: str  # light or dark

    @property
    def is_narrow(self) -> bool:
        return self.width < 900


PHONE, DESKTOP = Screen(390, 844, "dark"), Screen(1280, 800, "light")


@dataclass
class Visitor:
    """A browser with one conversation. `errors` are errors in the console and in the page."""

    stack: Stack
    context: BrowserContext
    screen: Screen
    page: Page = field(init=False)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(SECONDS)
        self.context.on("request", lambda request: self.requests.append(request.url))
        self.page = self.tab()

    def tab(self) -> Page:
        """Open another tab with the page."""
        page = self.context.new_page()
        page.on("console", lambda line: self._hear(line.type, line.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.stack.url)
        return page

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def forgive(self, words: str) -> None:
        """Ignore errors that a test causes on purpose."""
        self.errors[:] = [each for each in self.errors if not re.search(words, each)]

    @property
    def field(self) -> Locator:
        return self.page.locator("#text")

    @property
    def bubbles(self) -> Locator:
        return self.page.locator("#rows .bubble")

    @property
    def answers(self) -> Locator:
        return self.page.locator("#rows .bot:not(.draft) .prose")

    def write(self, text: str) -> None:
        self.field.fill(text)
        self.page.keyboard.press("Enter")

    def say(self, text: str) -> None:
        """Write a message, and wait until everything is answered."""
        self.write(text)
        self.settle()

    def settle(self, page: Page | None = None) -> None:
        page = page or self.page
        expect(page.locator("#text")).to_have_value("")
        expect(page.locator(UNDER_WAY)).to_have_count(0)

    def press(self, name: str) -> None:
        """Press a button by its name; on a narrow screen, open the menu first where it is in it."""
        button = self.page.get_by_role("button", name=name, exact=True)
        if not button.first.is_visible():
            self.page.get_by_role("button", name="Menu").click()
        button.first.click()

    def put(self, turns: Sequence[Mapping[str, Any]]) -> None:
        """Store old turns, a minute apart, from their `text`, `answer` and other fields."""
        cookie = next(each for each in self.context.cookies() if each["name"] == "conversation")
        settings = load(self.stack.settings)
        session = session_of({"conversation": cookie["value"]}, settings, now_ms(), secure=False)
        assert session
        table = Table(
            self.stack.aws.client("dynamodb"), self.stack.table.name, lambda: LONG_AGO, 36_500
        )
        for number, turn in enumerate(turns):
            table.put(_turn(f"web:{session}", number, **turn))


LONG_AGO = 1_790_000_000_000


def key_of(conversation: str, number: int) -> TurnKey:
    return TurnKey.of(conversation, LONG_AGO + 60_000 * number, f"old{number}:message")


def _turn(conversation: str, number: int, text: str, answer: str = "", **more: Any) -> Turn:
    leads = more.pop("merged_into", None)
    merged_into = "" if leads is None else key_of(conversation, leads).sort
    links = Links(merged_into=merged_into, fresh_start=more.pop("fresh_start", False))
    turn = {"origin": Origin.MODEL, "author": Author("ada"), "state": State.DELIVERED, **more}
    key = key_of(conversation, number)
    return Turn(key=key, channel="web", text=text, reply=Reply(answer), links=links, **turn)


@contextmanager
def visit(
    browser: Browser, stack: Stack, screen: Screen, locale: str = "en-GB", scale: float = 1
) -> Iterator[Visitor]:
    context = browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme="dark" if screen.theme == "dark" else "light",
        device_scale_factor=scale,
        has_touch=screen.is_narrow,
        locale=locale,
        permissions=["clipboard-read", "clipboard-write"],
    )
    try:
        yield Visitor(stack, context, screen)
    finally:
        context.close()


Visit = Callable[..., Visitor]
