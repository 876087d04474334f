"""Reload, back, two tabs, a lost connection: nothing is lost and nothing appears twice."""

from __future__ import annotations

import re
import time
from itertools import pairwise

from playwright.sync_api import Route, expect

from local.stack import Stack
from local.standins.base import Call
from tests.browser.visitor import Visitor

NETWORK = "ERR_|Failed to load resource"


def test_a_reload_in_the_middle_of_an_answer(visitor: Visitor, stack: Stack) -> None:
    stack.openai.token_s = 0.05
    visitor.write("[[length:80]]")
    expect(visitor.page.locator(".draft")).to_contain_text("word1")
    visitor.page.reload()
    visitor.settle()
    expect(visitor.bubbles).to_have_count(1)
    expect(visitor.answers).to_contain_text(["word80"])


def test_what_was_being_written_survives_a_reload(desktop: Visitor) -> None:
    desktop.field.fill("half a sent")
    desktop.page.reload()
    expect(desktop.field).to_have_value("half a sent")


def test_leaving_and_coming_back(desktop: Visitor) -> None:
    desktop.say("Hello")
    desktop.page.goto("about:blank")
    desktop.page.go_back()
    expect(desktop.bubbles).to_have_text(["Hello"])
    expect(desktop.answers).to_have_text(["You said: Hello"])


def test_two_tabs_show_the_same(desktop: Visitor, stack: Stack) -> None:
    other = desktop.tab()
    stack.openai.first_token_s = 0.5
    desktop.write("From the first")
    expect(other.locator(".bubble")).to_have_text(["From the first"])
    desktop.settle()
    desktop.settle(other)
    other.locator("#text").fill("From the second")
    other.keyboard.press("Enter")
    desktop.settle(other)
    desktop.settle()
    for page in (desktop.page, other):
        expect(page.locator(".bubble")).to_have_text(["From the first", "From the second"])
        expect(page.locator(".bot")).to_have_count(2)
    asked = [
        call
        for call in stack.openai.wait(0, "chat/completions")
        if _last(call) == "From the second"
    ]
    assert len(asked) == 1


def _last(call: Call) -> str:
    return str(call.params["messages"][-1]["content"])


def test_without_a_connection_messages_wait(visitor: Visitor) -> None:
    visitor.say("Hello")
    visitor.context.set_offline(True)
    visitor.write("Are you there?")
    visitor.write("Hello?")
    waiting = visitor.page.locator("[data-state=waiting]")
    expect(waiting).to_have_count(2)
    expect(visitor.page.get_by_text("No connection")).to_be_visible()
    visitor.context.set_offline(False)
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["Hello", "Are you there?", "Hello?"])
    expect(visitor.page.get_by_text("No connection")).to_be_hidden()
    visitor.forgive(NETWORK)


def test_a_message_that_waits_survives_a_reload(visitor: Visitor) -> None:
    visitor.page.route("**/web/messages", lambda route: _only_reads(route))
    visitor.write("Keep me")
    expect(visitor.page.locator("[data-state=waiting]")).to_have_count(1)
    visitor.page.reload()
    expect(visitor.bubbles).to_have_text(["Keep me"])
    visitor.page.unroute("**/web/messages")
    visitor.settle()
    expect(visitor.answers).to_have_text(["You said: Keep me"])
    visitor.forgive(NETWORK)


def _only_reads(route: Route) -> None:
    if route.request.method == "POST":
        route.abort("connectionreset")
    else:
        route.continue_()


def test_an_answer_that_got_lost_doubles_nothing(desktop: Visitor, stack: Stack) -> None:
    """The server accepts the message, but its response is lost."""
    bodies: list[str] = []

    def swallow(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        bodies.append(route.request.post_data or "")
        if len(bodies) > 2:
            return route.continue_()
        route.fetch()
        return route.abort("connectionreset")

    desktop.page.route("**/web/messages", swallow)
    desktop.write("Only once, please")
    desktop.settle()
    desktop.page.wait_for_timeout(500)
    expect(desktop.bubbles).to_have_text(["Only once, please"])
    expect(desktop.answers).to_have_count(1)
    assert len(set(bodies)) == 1
    calls = stack.openai.wait(0, "chat/completions")
    assert len([call for call in calls if _last(call) == "Only once, please"]) == 1
    desktop.forgive(NETWORK)


def test_a_refused_message_can_be_sent_again_or_discarded(visitor: Visitor) -> None:
    refused = {"status": 400, "json": {"error": "not like this", "now": 1}}
    visitor.page.route(
        "**/web/messages",
        lambda route: (
            route.fulfill(**refused) if route.request.method == "POST" else route.continue_()
        ),
    )
    visitor.write("One")
    visitor.write("Two")
    failed = visitor.page.locator("[data-state=failed]")
    expect(failed).to_have_count(2)
    expect(failed.first).to_contain_text("Not sent")
    visitor.page.unroute("**/web/messages")
    failed.first.get_by_role("button", name="Send again").click()
    visitor.settle()
    failed.first.get_by_role("button", name="Discard").click()
    expect(visitor.bubbles).to_have_text(["One"])
    expect(visitor.answers).to_have_text(["You said: One"])
    visitor.forgive(NETWORK)


def test_what_may_not_wait_yet_is_kept_and_sent_later(visitor: Visitor) -> None:
    """The server takes no more messages of this conversation, and says for how long."""
    times: list[float] = []

    def turn_away(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        times.append(time.monotonic())
        if len(times) > 2:
            return route.continue_()
        waiting = {"error": "waiting"}
        return route.fulfill(status=429, headers={"retry-after": "1"}, json=waiting)

    visitor.page.route("**/web/messages", turn_away)
    visitor.write("One")
    visitor.write("Two")
    expect(visitor.page.locator("[data-state=waiting]")).to_have_count(2)
    expect(visitor.page.get_by_text("No connection")).to_be_hidden()
    visitor.settle()
    expect(visitor.bubbles).to_have_text(["One", "Two"])
    expect(visitor.page.locator("[data-state=failed]")).to_have_count(0)
    assert [after - before >= 1 for before, after in pairwise(times[:3])] == [
        True,
        True,
    ]
    visitor.forgive(NETWORK)


def test_a_clock_that_is_wrong(desktop: Visitor) -> None:
    desktop.page.clock.install(time="2026-01-01T12:00:00Z")
    desktop.page.reload()
    desktop.write("What time is it?")
    for _ in range(20):
        desktop.page.clock.run_for(500)
        desktop.page.wait_for_timeout(100)
        if desktop.answers.count():
            break
    expect(desktop.answers).to_have_text(["You said: What time is it?"])
    desktop.forgive("400")


def test_reading_stops_when_everything_is_answered(desktop: Visitor) -> None:
    desktop.say("Hello")
    desktop.page.wait_for_timeout(300)
    before = len(desktop.requests)
    desktop.page.wait_for_timeout(3000)
    assert len(desktop.requests) == before


def test_reading_grows_rarer_and_stops_while_hidden(desktop: Visitor, stack: Stack) -> None:
    stack.openai.first_token_s = 60
    desktop.write("Take your time")
    desktop.page.wait_for_timeout(3000)
    first = _reads(desktop)
    desktop.page.wait_for_timeout(3000)
    second = _reads(desktop) - first
    assert 1 <= second < first < 12
    _hide(desktop, True)
    desktop.page.wait_for_timeout(200)
    before = len(desktop.requests)
    desktop.page.wait_for_timeout(3000)
    assert len(desktop.requests) == before
    _hide(desktop, False)
    desktop.page.wait_for_timeout(300)
    assert len(desktop.requests) > before


def _reads(visitor: Visitor) -> int:
    return len([url for url in visitor.requests if re.search("/web/messages[?]", url)])


def _hide(visitor: Visitor, hidden: bool) -> None:
    visitor.page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )
