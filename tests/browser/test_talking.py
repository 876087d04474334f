"""Writing a message, and the answer while it is streamed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from local.stack import Stack
from tests.browser.visitor import DESKTOP, Visit, Visitor


def test_a_message_and_its_answer(visitor: Visitor, stack: Stack) -> None:
    stack.openai.first_token_s = 1
    visitor.write("Hello there")
    expect(visitor.bubbles).to_have_text(["Hello there"])
    person = visitor.page.locator("#rows .person")
    expect(person.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    expect(person).to_have_attribute("data-state", "queued")
    expect(visitor.page.locator(".typing")).to_be_visible()
    expect(visitor.answers).to_have_text(["You said: Hello there"])
    expect(person).to_have_attribute("data-state", "answered")
    expect(person.locator(".meta")).to_contain_text("Answered")
    expect(visitor.page.locator(".typing")).to_have_count(0)


def test_the_answer_grows_as_it_is_written(visitor: Visitor, stack: Stack) -> None:
    stack.openai.token_s = 0.05
    visitor.write("[[length:120]]")
    draft = visitor.page.locator(".draft .prose")
    expect(draft).to_contain_text("word1 word2")
    early = draft.inner_text()
    expect(draft).to_contain_text("word40")
    assert draft.inner_text().startswith(early.removesuffix("…").rstrip())
    expect(visitor.answers).to_contain_text(["word120"])
    expect(visitor.page.locator(".bot")).to_have_count(1)


def test_markdown(visitor: Visitor) -> None:
    visitor.say("[[markdown]]")
    answer = visitor.answers
    expect(answer.locator("h1")).to_have_text("A heading")
    expect(answer.locator("strong")).to_have_text("strong")
    expect(answer.get_by_role("link")).to_have_attribute("href", "https://example.com/")
    expect(answer.get_by_role("link")).to_have_attribute("rel", re.compile("noopener"))
    expect(answer.locator("td")).to_have_text(["1", "2"])


def test_code_and_answers_are_copied(visitor: Visitor) -> None:
    visitor.say("[[markdown]]")
    visitor.page.locator(".code").get_by_role("button", name="Copy").click()
    expect(visitor.page.locator("#toast")).to_have_text("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == 'print("Hello")\n'
    visitor.page.get_by_role("button", name="Copy answer").click()
    visitor.page.wait_for_timeout(100)
    assert "# A heading" in visitor.page.evaluate("navigator.clipboard.readText()")


def test_what_people_write_stays_as_it_is(desktop: Visitor) -> None:
    text = '<img src=x onerror="alert(1)"> **not bold** \N{WAVING HAND SIGN}'
    desktop.say(text)
    expect(desktop.bubbles).to_have_text([text])
    expect(desktop.page.locator("#rows img")).to_have_count(0)


def test_enter_sends_and_shift_enter_starts_a_line(visitor: Visitor) -> None:
    visitor.field.press_sequentially("one")
    low = visitor.field.evaluate("field => field.clientHeight")
    visitor.page.keyboard.press("Shift+Enter")
    visitor.field.press_sequentially("two")
    visitor.page.keyboard.press("Shift+Enter")
    visitor.field.press_sequentially("three")
    assert visitor.field.evaluate("field => field.clientHeight") > low + 30
    visitor.page.keyboard.press("Enter")
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["one\ntwo\nthree"])
    expect(visitor.field).to_be_focused()
    assert visitor.field.evaluate("field => field.clientHeight") == low


def test_enter_while_a_word_is_composed_sends_nothing(desktop: Visitor) -> None:
    desktop.field.fill("にほん")
    desktop.field.dispatch_event(
        "keydown", {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True}
    )
    expect(desktop.field).to_have_value("にほん")


def test_nothing_is_sent_of_an_empty_field(desktop: Visitor) -> None:
    expect(desktop.page.get_by_role("button", name="Send")).to_be_disabled()
    desktop.write("   ")
    expect(desktop.bubbles).to_have_count(0)


def test_the_answer_can_be_stopped(visitor: Visitor, stack: Stack) -> None:
    stack.openai.token_s = 0.1
    visitor.write("[[length:150]]")
    expect(visitor.page.locator(".draft")).to_contain_text("word3")
    visitor.page.get_by_role("button", name="Stop the answer").click()
    expect(visitor.field).to_be_focused()
    visitor.settle()
    expect(visitor.answers).to_contain_text("word3")
    expect(visitor.answers).not_to_contain_text("word140")
    expect(visitor.page.get_by_role("button", name="Send")).to_be_visible()


def test_writing_goes_on_while_an_answer_is_awaited(visitor: Visitor, stack: Stack) -> None:
    stack.openai.first_token_s = 1
    visitor.write("First")
    expect(visitor.page.get_by_role("button", name="Stop the answer")).to_be_visible()
    visitor.field.fill("Second")
    expect(visitor.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    visitor.page.keyboard.press("Enter")
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["First", "Second"])
    expect(visitor.answers.last).to_contain_text("You said: ")


@pytest.mark.parametrize("thumb", ["Good answer", "Bad answer"])
def test_thumbs_are_kept(visitor: Visitor, thumb: str) -> None:
    visitor.say("Hello")
    button = visitor.page.get_by_role("button", name=thumb)
    expect(button).to_have_attribute("aria-pressed", "false")
    with visitor.page.expect_response("**/web/rating") as response:
        button.click()
    assert response.value.status == 202
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    for _ in range(20):  # the queue brings it to the table
        visitor.page.reload()
        visitor.page.locator(".bot footer").wait_for()
        if button.get_attribute("aria-pressed") == "true":
            break
    expect(button).to_have_attribute("aria-pressed", "true")


def test_an_answer_is_asked_for_anew(desktop: Visitor) -> None:
    desktop.say("Hello")
    desktop.page.get_by_role("button", name="Answer again").click()
    desktop.settle()
    expect(desktop.bubbles).to_have_text(["Hello"])
    expect(desktop.answers).to_have_text(["You said: Hello"])


def test_suggestions_on_an_empty_page(visitor: Visitor) -> None:
    expect(visitor.page.get_by_role("heading", name="How can I help?")).to_be_visible()
    visitor.page.get_by_role("button", name="Explain how rainbows form").click()
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["Explain how rainbows form"])
    expect(visitor.page.locator("#empty")).to_be_hidden()


def test_buttons_of_an_answer(visitor: Visitor) -> None:
    visitor.say("Hello")
    visitor.say("/new")
    visitor.page.get_by_role("button", name="Start fresh").click()
    visitor.settle()
    expect(visitor.page.get_by_role("heading", name="How can I help?")).to_be_visible()
    expect(visitor.field).to_be_focused()


def test_a_picture(visitor: Visitor) -> None:
    visitor.say("/image a red fox")
    picture = visitor.answers.get_by_role("img")
    expect(picture).to_have_attribute("alt", re.compile("a red fox"))
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0


def test_one_answer_to_several_messages_stands_after_the_last(desktop: Visitor) -> None:
    desktop.put(
        [
            {"text": "One", "answer": "To all three.", "more": "Two\nThree"},
            {"text": "Two", "merged_into": 0},
            {"text": "Three", "merged_into": 0},
            {"text": "Four", "answer": "To the fourth."},
        ]
    )
    desktop.page.reload()
    expect(desktop.answers).to_have_count(2)
    rows = desktop.page.locator("#rows .bubble, #rows .prose")
    words = ["One", "Two", "Three", "To all three.", "Four", "To the fourth."]
    expect(rows).to_have_text(words)


def test_the_newest_stays_in_sight(visitor: Visitor) -> None:
    for _ in range(2):
        visitor.say("[[markdown]]")
    expect(visitor.answers.last.locator("td").last).to_be_in_viewport()
    visitor.page.locator("#scroll").evaluate("box => box.scrollTo(0, 0)")
    expect(visitor.bubbles.first).to_be_in_viewport()
    visitor.page.get_by_role("button", name="To the newest message").click()
    expect(visitor.answers.last.locator("td").last).to_be_in_viewport()


def test_in_german(visitors: Visit) -> None:
    visitor = visitors(DESKTOP, "de-DE")
    expect(visitor.page.get_by_role("heading", name="Wie kann ich helfen?")).to_be_visible()
    expect(visitor.page.locator("html")).to_have_attribute("lang", "de")
    visitor.say("/help")
    expect(visitor.answers).to_contain_text("Schreib mir")
