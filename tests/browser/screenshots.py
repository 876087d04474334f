"""Take the screenshots in README and docs of a running stack: `make screenshots`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from local.stack import Options, Stack
from tests.browser import playground_scene
from tests.browser.visitor import CHROMIUM, FLAGS, Screen, Visitor, visit

FOLDER = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 200 * 1024
SETTINGS = {"WEB_ACCESS": "open", "WEB_TITLE": "Ada"}

_TALK = (
    {"text": "How do I keep basil alive?", "answer": "Light, and water from below."},
    {"text": "/new fresh", "answer": "A fresh start.", "fresh_start": True},
    {"text": "What shall we cook on Sunday?", "answer": "A stew."},
    {"text": "/new fresh", "answer": "A fresh start.", "fresh_start": True},
    {
        "text": "My name is Ada, and I learn Python. What does a list comprehension do?",
        "answer": "Nice to meet you, Ada! It builds a list from **anything you can loop over**, "
        "in one readable line:\n\n"
        "```python\nsquares = [n * n for n in range(10) if n % 2]\n```\n\n"
        "Read it from the middle: *for each* `n` in `range(10)`, *if* it is odd, keep `n * n`.",
    },
    {
        "text": "And when should I not use one?",
        "answer": "When the loop does more than build a list:\n\n"
        "| Instead of | write |\n|---|---|\n"
        "| a comprehension that prints | a plain `for` loop |\n"
        "| three nested ones | a function with a name |",
    },
)


@dataclass(frozen=True)
class Shot:
    name: str
    screen: Screen
    show: Callable[[Visitor], None]
    scale: float = 1


def _conversation(visitor: Visitor) -> None:
    visitor.put(_TALK)
    visitor.page.reload()
    expect(visitor.bubbles).to_have_count(2)


SHOTS = (
    Shot("page-desktop", Screen(1280, 920, "light"), _conversation),
    Shot("page-phone", Screen(390, 844, "dark"), _conversation, scale=2),
)


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken = [FOLDER / "playground.png"]
    with Stack(Options(settings=SETTINGS)) as stack, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for shot in SHOTS:
            taken.append(FOLDER / f"{shot.name}.png")
            with visit(browser, stack, shot.screen, scale=shot.scale) as visitor:
                shot.show(visitor)
                visitor.page.locator(
                    "h1"
                ).click()  # takes the focus, and with it the cursor, out of the field
                visitor.page.screenshot(path=taken[-1], animations="disabled")
        playground_scene.take(browser, taken[0])
        browser.close()
    too_large = [path.name for path in taken if path.stat().st_size > LARGEST]
    for path in taken:
        print(f"{path.relative_to(Path.cwd())}  {path.stat().st_size // 1024} KB")
    for name in too_large:
        print(f"{name} is larger than {LARGEST // 1024} KB", file=sys.stderr)
    return bool(too_large)


if __name__ == "__main__":
    sys.exit(main())
