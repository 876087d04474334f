"""Keyboard, screen reader, contrast, and every width."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.visitor import Screen, Visit, Visitor

SCREENS = [
    Screen(width, height, theme)
    for width, height in ((390, 844), (1280, 800))
    for theme in ("light", "dark")
]


@pytest.mark.parametrize("screen", SCREENS, ids=lambda each: f"{each.width}-{each.theme}")
def test_axe_finds_nothing_serious(visitors: Visit, screen: Screen) -> None:
    visitor = visitors(screen)
    visitor.page.emulate_media(reduced_motion="reduce")  # no colour is measured half-way
    visitor.page.locator("#empty").wait_for()
    scan(visitor)
    visitor.say("[[markdown]]")
    visitor.say("/new")
    visitor.page.get_by_role("button", name="Good answer").first.click()
    scan(visitor)
    visitor.page.route("**/web/messages", lambda route: route.fulfill(status=400, json={}))
    visitor.write("This fails")
    expect(visitor.page.locator("[data-state=failed]")).to_have_count(1)
    scan(visitor)
    visitor.page.unroute("**/web/messages")
    if screen.is_narrow:
        visitor.page.get_by_role("button", name="Menu").click()
        scan(visitor)
    visitor.press("New conversation")
    scan(visitor)
    visitor.forgive("400")


def scan(visitor: Visitor) -> None:
    found = Axe().run(visitor.page).response["violations"]
    assert [
        (each["id"], node["html"][:200], node["failureSummary"][:300])
        for each in found
        for node in each["nodes"]
        if each["impact"] in ("serious", "critical", "moderate")
    ] == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280, 1920])
def test_nothing_sticks_out(visitors: Visit, width: int) -> None:
    visitor = visitors(Screen(width, 800, "light"))
    visitor.say("[[markdown]] " + "x" * 300)
    box = visitor.page.locator("#scroll")
    assert box.evaluate("box => box.scrollWidth - box.clientWidth") <= 0
    assert visitor.page.evaluate("document.body.scrollWidth - innerWidth") <= 0
    expect(visitor.field).to_be_in_viewport()


def test_by_keyboard_alone(desktop: Visitor) -> None:
    press = desktop.page.keyboard.press
    skip = desktop.page.get_by_role("link", name="Skip to the message field")
    skip.focus()
    expect(skip).to_be_in_viewport()
    press("Enter")
    expect(desktop.field).to_be_focused()
    desktop.page.keyboard.type("By keyboard")
    press("Enter")
    desktop.settle()
    expect(desktop.field).to_be_focused()
    names = []
    for _ in range(12):
        press("Shift+Tab")
        names.append(
            desktop.page.evaluate(
                "document.activeElement.ariaLabel || document.activeElement.textContent"
            )
        )
    assert "Good answer" in names
    assert "Copy answer" in names
    assert "New conversation" in names


def test_the_menu_on_a_phone_takes_the_focus_and_gives_it_back(visitors: Visit) -> None:
    visitor = visitors(SCREENS[0])
    menu = visitor.page.get_by_role("button", name="Menu")
    menu.click()
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(visitor.page.get_by_role("button", name="Close")).to_be_focused()
    visitor.page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    expect(visitor.page.get_by_role("button", name="Export conversation")).to_be_hidden()


def test_a_screen_reader_hears_the_answer_once(desktop: Visitor) -> None:
    desktop.say("Hello")
    region = desktop.page.locator("[aria-live=polite]")
    expect(region).to_have_text("Answer: You said: Hello")
    expect(desktop.page.locator("#rows .bot")).to_contain_text("Answer:")
    expect(desktop.page.locator("#rows .person")).to_contain_text("You:")
    desktop.page.reload()
    expect(desktop.answers).to_have_count(1)
    expect(region).to_have_text("")
