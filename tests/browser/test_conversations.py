"""New and earlier conversations, and the other entries of the menu."""

from __future__ import annotations

import json
import re

import requests
from playwright.sync_api import expect

from local.stack import Stack
from tests.browser.visitor import Visitor


def start_fresh(visitor: Visitor) -> None:
    visitor.press("New conversation")
    visitor.page.get_by_role("button", name="Start fresh").click()
    visitor.settle()
    expect(visitor.page.get_by_role("heading", name="How can I help?")).to_be_visible()


def test_a_fresh_start_and_the_earlier_conversation(visitor: Visitor) -> None:
    visitor.say("My name is Ada")
    start_fresh(visitor)
    expect(visitor.bubbles).to_have_count(0)
    visitor.say("What is my name?")
    expect(visitor.answers).not_to_contain_text("Ada")
    visitor.press("New conversation")
    visitor.page.get_by_role("button", name="Load the earlier one").click()
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["My name is Ada", "What is my name?"])
    visitor.say("So what is my name?")
    expect(visitor.answers.last).to_have_text("Your name is Ada.")


def test_the_dialog_can_be_left(visitor: Visitor) -> None:
    visitor.press("New conversation")
    dialog = visitor.page.get_by_role("dialog", name="New conversation")
    expect(dialog).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(visitor.bubbles).to_have_count(0)


def test_earlier_conversations_are_listed(visitor: Visitor) -> None:
    visitor.say("About apples")
    start_fresh(visitor)
    visitor.say("About pears")
    start_fresh(visitor)
    visitor.say("About plums")
    listed = visitor.page.locator("#stretches button > span")
    expect(listed).to_have_text(["About plums", "About pears", "About apples"])
    visitor.page.reload()
    expect(listed).to_have_text(["About plums", "About pears", "About apples"])
    pick(visitor, "About apples")
    expect(visitor.bubbles).to_have_text(["About apples"])
    expect(visitor.page.get_by_text("This is an earlier conversation.")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Continue it")).to_be_hidden()
    pick(visitor, "About pears")
    expect(visitor.bubbles).to_have_text(["About pears"])
    visitor.page.go_back()
    expect(visitor.bubbles).to_have_text(["About apples"])
    visitor.page.get_by_role("button", name="Back to the current one").click()
    expect(visitor.bubbles).to_have_text(["About plums"])
    expect(visitor.field).to_be_focused()
    pick(visitor, "About pears")
    visitor.page.get_by_role("button", name="Continue it").click()
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["About pears", "About plums"])


def pick(visitor: Visitor, title: str) -> None:
    if visitor.screen.is_narrow:
        visitor.page.get_by_role("button", name="Menu").click()
    visitor.page.get_by_role("button", name=title).click()


def test_older_messages_are_loaded_when_they_are_scrolled_to(visitor: Visitor) -> None:
    visitor.put([{"text": f"Question {n}", "answer": f"Answer {n}"} for n in range(120)])
    visitor.page.reload()
    expect(visitor.bubbles).to_have_count(50)
    expect(visitor.bubbles.last).to_have_text("Question 119")
    for known in (100, 120):
        visitor.page.locator("#scroll").evaluate("box => box.scrollTo(0, 0)")
        expect(visitor.bubbles).to_have_count(known)
    expect(visitor.bubbles.first).to_have_text("Question 0")


def test_older_conversations_are_loaded_on_demand(visitor: Visitor) -> None:
    old = [{"text": f"Question {n}", "answer": "So it is."} for n in range(60)]
    visitor.put([*old[:6], {"text": "/reset", "answer": "Fresh.", "fresh_start": True}, *old[6:]])
    visitor.page.reload()
    expect(visitor.bubbles).to_have_count(50)
    expect(visitor.page.locator("#stretches li")).to_have_count(1)
    visitor.press("Show older ones")
    expect(visitor.page.locator("#stretches li")).to_have_count(2)


def test_the_conversation_is_exported(visitor: Visitor) -> None:
    visitor.say("Remember this")
    visitor.press("Export conversation")
    visitor.settle()
    link = visitor.answers.last.get_by_role("link")
    expect(link).to_contain_text("conversation.json")
    cookies = {each["name"]: each["value"] for each in visitor.context.cookies()}
    href = str(link.get_attribute("href"))
    document = requests.get(visitor.stack.url + href, cookies=cookies, timeout=10).json()
    assert "Remember this" in json.dumps(document)


def test_everything_is_deleted(visitor: Visitor) -> None:
    visitor.say("Forget this")
    visitor.press("Delete everything")
    dialog = visitor.page.get_by_role("dialog", name="Delete everything")
    dialog.get_by_role("button", name="Cancel").click()
    expect(visitor.bubbles).to_have_text(["Forget this"])
    visitor.press("Delete everything")
    dialog.get_by_role("button", name="Delete everything").click()
    visitor.settle()
    expect(visitor.page.get_by_text("Forget this")).to_have_count(0)
    visitor.page.reload()
    expect(visitor.page.get_by_text("Forget this")).to_have_count(0)


def test_the_access_code(visitor: Visitor, stack: Stack) -> None:
    visitor.say("While it is open")
    path = stack.aws.environments["WebFunction"]["PARAMETER_PATH"]
    stack.aws.put_settings(path, stack.settings | {"WEB_ACCESS": "code"})
    try:
        visitor.write("And now?")
        code = visitor.page.get_by_label("Access code")
        expect(code).to_be_focused()
        code.fill("open, please")
        visitor.page.keyboard.press("Enter")
        expect(visitor.page.get_by_text("That is not the code.")).to_be_visible()
        for _ in range(3):
            with visitor.page.expect_response("**/web/access"):
                visitor.page.keyboard.press("Enter")
        pause = re.compile(r"Seconds until the next try: [12]")
        expect(visitor.page.get_by_text(pause)).to_be_visible()
        code.fill("sesame")
        while code.is_visible():  # until the pause is over
            with visitor.page.expect_response("**/web/access") as answer:
                visitor.page.keyboard.press("Enter")
            if answer.value.ok:
                break
        visitor.settle()
        expect(code).to_be_hidden()
        expect(visitor.bubbles).to_have_text(["While it is open", "And now?"])
        visitor.page.reload()
        visitor.say("Still open")
    finally:
        stack.aws.put_settings(path, stack.settings)
    visitor.forgive("403")
    visitor.forgive("429")


def test_the_appearance_is_chosen_and_kept(desktop: Visitor) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = desktop.page.evaluate(ground)
    for _ in range(2):
        desktop.page.get_by_role("button", name="Appearance").click()
    expect(desktop.page.get_by_role("button", name="Appearance: dark")).to_be_visible()
    dark = desktop.page.evaluate(ground)
    assert dark != light
    desktop.page.reload()
    assert desktop.page.evaluate(ground) == dark


def test_nothing_comes_from_elsewhere(desktop: Visitor) -> None:
    desktop.say("[[markdown]]")
    assert all(url.startswith(desktop.stack.url) for url in desktop.requests)
