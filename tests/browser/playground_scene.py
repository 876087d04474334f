"""A picture of the playground: three conversations, and a worker that died while answering."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

from playwright.sync_api import Browser, Page, expect

from local.cli.invoke import register
from local.playground.server import Playground
from local.stack import Options, Stack
from local.standins.answers import Answer, text_of

_OPTIONS = Options(
    runtime="rie",
    settings={"WEB_ACCESS": "open", "SETTLE": "1s", "POST_TIMEOUT": "1s", "MODEL_TIMEOUT": "6s"},
    timeouts={"WorkerFunction": 14},
    log=lambda line: None,
)
_ANSWERS = {
    "basil": "Three things that need no recipe:\n\n"
    "- **Caprese**: tomato, mozzarella, oil\n"
    "- **Pesto**: basil, pine nuts, `garlic`, cheese\n"
    "- *Basil lemonade*, very cold",
    "book": "How about *The Left Hand of Darkness*? Short chapters, long talks.",
    "Python": "It builds a list from **anything you can loop over**:\n\n"
    "```python\nsquares = [n * n for n in range(10)]\n```\n\n"
    "Read it from the middle: *for each* `n` in `range(10)`, keep `n * n`.",
}


def take(browser: Browser, path: Path) -> None:
    """Write the picture to `path` as PNG. Takes as long as a dead worker's lease lasts."""
    with mock.patch("local.standins.openai.answer_to", _answer), Stack(_OPTIONS) as stack:
        register(stack)
        stack.add_app("/playground", Playground(stack))
        page = browser.new_page(viewport={"width": 1280, "height": 1090}, locale="en-GB")
        page.goto(f"{stack.url}/playground")
        _say(page, "Telegram", "What can I make with a lot of basil?")
        page.get_by_label("Send a sample photo on Messenger").click()
        expect(page.locator(".messenger .bot .words")).to_have_count(1)
        _say(page, "Messenger", "Which book shall we read next?")
        page.get_by_role("button", name="Kill the worker now").click()
        expect(page.get_by_role("status")).to_contain_text("dies")
        _say(page, "Web", "What is a list comprehension in Python?")
        page.get_by_role(
            "heading", name="Playground"
        ).click()  # takes the focus, and with it the cursor, out of the field
        page.screenshot(path=path, animations="disabled")
        page.close()


def _answer(messages: list[dict[str, object]]) -> Answer:
    last = text_of(messages[-1])
    fitting = (text for word, text in _ANSWERS.items() if word in last)
    return Answer(next(fitting, "Hills at sunrise, in the colours of an old postcard."))


def _say(page: Page, channel: str, text: str) -> None:
    answered = page.locator(".journey", has_text=text)
    page.get_by_label(f"Message on {channel}").fill(text)
    page.keyboard.press("Enter")
    expect(answered).to_contain_text("answered once", timeout=60_000)
    expect(page.locator(f".{channel.lower()} .typing, .{channel.lower()} .draft")).to_have_count(0)
