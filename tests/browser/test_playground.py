"""The playground as a developer uses it: write as a person, cause faults, read the trace."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from local.cli.invoke import register
from local.playground.server import Playground
from local.stack import Options, Stack
from tests.browser.visitor import DESKTOP, PHONE, SECONDS, Screen

CHANNELS = ("Telegram", "Messenger", "Web")
SETTINGS = {
    "WEB_ACCESS": "open",
    "SETTLE": "1s",
    "POST_TIMEOUT": "1s",
    "RETRY_DELAY": "100ms",
    "RETRY_DELAY_MAX": "1s",
}
WORKER_SECONDS = 14  # a killed worker's lease is 3 s longer
LEASE = 30_000  # milliseconds


@pytest.fixture(scope="module")
def playing() -> Iterator[Stack]:
    """A stack of its own, with functions in processes, so that workers can be killed."""
    options = Options(
        runtime="rie",
        settings=SETTINGS,
        timeouts={"WorkerFunction": WORKER_SECONDS},
        log=lambda line: None,
    )
    with Stack(options) as stack:
        register(stack)
        stack.add_app("/playground", Playground(stack))
        yield stack


@dataclass
class Player:
    page: Page
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(SECONDS)
        self.page.on("console", lambda line: self._hear(line.type, line.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def phone(self, channel: str) -> Locator:
        return self.page.locator(f".phone.{channel.lower()}")

    def write(self, channel: str, text: str) -> None:
        self.page.get_by_label(f"Message on {channel}").fill(text)
        self.page.keyboard.press("Enter")

    def answers(self, channel: str, text: str) -> Locator:
        shown = self.phone(channel).locator(".bot:not(.draft) .bubble")
        # In a group the prompt names who speaks.
        return shown.filter(has_text=re.compile(rf"You said: (\w+: )?{re.escape(text)}"))

    def journey(self, channel: str, text: str) -> Locator:
        badge = self.page.locator(f".badge.{channel.lower()}")
        return self.page.locator(".journey").filter(has=badge).filter(has_text=text)

    def choose(self, label: str, option: str) -> None:
        self.page.get_by_role("group", name=label).get_by_text(option, exact=True).click()

    def leave(self) -> None:
        """Reset all switches, and wait until nobody waits for an answer."""
        self.choose("The model", "answers")
        self.choose("Telegram and Messenger", "take posts")
        self.choose("Each webhook comes", "once")
        expect(self.page.locator(".journey .waits")).to_have_count(0, timeout=LEASE)

    def settled(self, channel: str, text: str, timeout: float = SECONDS) -> None:
        """Whether the message is answered once, and shown as such."""
        expect(self.answers(channel, text)).to_have_count(1, timeout=timeout)
        expect(self.journey(channel, text)).to_contain_text("answered once", timeout=timeout)
        expect(self.answers(channel, text)).to_have_count(1)


@pytest.fixture
def player(browser: Browser, playing: Stack) -> Iterator[Player]:
    yield from _open(browser, playing, DESKTOP)


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def on_any(request: pytest.FixtureRequest, browser: Browser, playing: Stack) -> Iterator[Player]:
    yield from _open(browser, playing, request.param)


def _open(browser: Browser, stack: Stack, screen: Screen) -> Iterator[Player]:
    context = browser.new_context(
        viewport={"width": screen.width, "height": screen.height},
        color_scheme="dark" if screen.theme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-GB",
    )
    player = Player(context.new_page())
    player.page.goto(f"{stack.url}/playground")
    expect(player.page.get_by_role("group", name="You are").locator("input")).to_have_count(3)
    try:
        yield player
        assert player.errors == []
    finally:
        player.leave()
        context.close()


def some(words: str) -> str:
    """Return a text that no other test uses."""
    return f"{words} {uuid.uuid4().hex[:8]}"


def scan(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [
        (each["id"], node["html"][:200], node["failureSummary"][:300])
        for each in found
        for node in each["nodes"]
        if each["impact"] in ("serious", "critical")
    ] == []


def test_one_talks_on_every_channel_and_sees_each_step(on_any: Player) -> None:
    for channel in CHANNELS:
        text = some("hello")
        on_any.write(channel, text)
        on_any.settled(channel, text)
        expect(on_any.journey(channel, text).locator(".lane")).to_contain_text(
            ["webhook", "queue", "worker", "history", "model", "stored"]
        )
    expect(on_any.phone("Messenger").locator(".seen")).to_have_text("Seen")
    scan(on_any.page)


def test_formatting_is_what_each_platform_can_show(player: Player) -> None:
    for channel in CHANNELS:
        player.write(channel, "[[markdown]]")
        expect(player.phone(channel).locator(".bot", has_text="A heading").last).to_be_visible()
    bold = {channel: player.phone(channel).locator(".bot strong") for channel in CHANNELS}
    expect(bold["Telegram"].filter(has_text="strong").last).to_be_visible()
    expect(bold["Web"].filter(has_text="strong").last).to_be_visible()
    expect(bold["Messenger"]).to_have_count(0)
    scan(player.page)


def test_a_record_shows_the_prompt_as_the_model_saw_it(player: Player) -> None:
    text = some("what I ask")
    player.write("Messenger", text)
    player.settled("Messenger", text)
    player.journey("Messenger", text).locator(".bar.model").click()
    dialog = player.page.get_by_role("dialog")
    expect(dialog.locator(".prompt li.user").last).to_contain_text(text)
    expect(dialog.locator(".said")).to_contain_text(f"You said: {text}")
    expect(dialog).to_contain_text("tokens in")
    expect(dialog.locator("pre").first).to_contain_text('"messages"')
    scan(player.page)
    player.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_in_a_group_the_bot_answers_who_speaks_to_it(player: Player) -> None:
    asked, aside = some("who are you?"), some("not for you")
    player.page.get_by_role("button", name="Book club").click()
    player.write("Telegram", f"@local_bot {asked}")
    player.settled("Telegram", asked)
    expect(player.answers("Telegram", asked)).to_contain_text("Ada")
    player.choose("You are", "Bob")
    player.write("Telegram", aside)
    expect(player.journey("Telegram", aside)).to_contain_text("not queued")
    expect(player.phone("Telegram").locator(".own .bubble").last).to_contain_text(aside)
    player.choose("You are", "Ada")
    expect(player.phone("Telegram").locator(".bot .author").last).to_have_text("Bob")


@pytest.mark.parametrize("channel", ["Telegram", "Messenger"])
def test_photos_voice_notes_and_menus(player: Player, channel: str) -> None:
    phone = player.phone(channel)
    bots = phone.locator(".bot:not(.draft):not(.typing)")
    before = bots.count()
    player.page.get_by_label(f"Send a sample photo on {channel}").click()
    expect(bots).to_have_count(before + 1)
    image = phone.locator(".own img").last
    expect(image).to_have_js_property("naturalWidth", 320)
    player.page.get_by_label(f"Send a sample voice note on {channel}").click()
    expect(bots).to_have_count(before + 2)
    expect(phone.locator(".own .voice").last).to_be_visible()
    player.page.get_by_label(f"{channel} menu").click()
    phone.locator(".menu button").nth(1).click()
    expect(bots).to_have_count(before + 3)
    phone.get_by_role("button", name="Good answer").last.click()
    expect(phone.get_by_role("button", name="Good answer").last).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_slow_model_shows_what_each_platform_does_meanwhile(player: Player) -> None:
    player.choose("The model", "slowly")
    text = some("[[length:40]]")
    for channel in CHANNELS:
        player.write(channel, text)
    expect(player.phone("Telegram").locator(".draft")).to_contain_text("word1")
    expect(player.phone("Web").locator(".draft")).to_contain_text("word1")
    expect(player.phone("Messenger").locator(".typing")).to_be_visible()
    for channel in CHANNELS:
        expect(player.phone(channel).locator(".draft, .typing")).to_have_count(0)
        expect(player.phone(channel).locator(".bot").last).to_contain_text("word40")


def test_a_killed_worker_costs_time_and_no_answer(player: Player) -> None:
    player.page.get_by_role("button", name="Kill the worker now").click()
    expect(player.page.get_by_role("status")).to_contain_text("the next one dies")
    text = some("are you alive?")
    player.write("Telegram", text)
    journey = player.journey("Telegram", text)
    expect(journey).to_contain_text("comes again in", timeout=LEASE)
    player.settled("Telegram", text, LEASE)
    expect(journey).to_contain_text("1 died")


def test_a_worker_dies_in_the_middle_on_every_channel(player: Player, playing: Stack) -> None:
    player.choose("The model", "slowly")
    asked, before = playing.openai.faults, len(playing.openai.faults.fired)
    text = some("still there?")
    for channel in CHANNELS:
        player.write(channel, text)
    for channel in CHANNELS:
        expect(player.journey(channel, text)).to_contain_text("s …")
    # What a worker holds that dies before its lease comes again when the queue's time is over.
    assert asked.wait_fired(before + len(CHANNELS), LEASE / 1000)
    player.page.get_by_role("button", name="Kill the worker now").click()
    expect(player.page.get_by_role("status")).to_contain_text("killed")
    for channel in CHANNELS:
        player.settled(channel, text, LEASE)


def test_webhooks_that_come_twice_are_answered_once(player: Player) -> None:
    player.choose("Each webhook comes", "twice")
    for channel in CHANNELS:
        text = some("twice")
        player.write(channel, text)
        player.settled(channel, text)
        hooks = player.journey(channel, text).locator(".bar.webhook")
        expect(hooks).to_have_count(4)  # each as the API and as the function saw it


def test_what_messenger_took_without_saying_so_is_not_said_again(player: Player) -> None:
    player.choose("Telegram and Messenger", "hang up once")
    text = some("did you get this?")
    player.write("Messenger", text)
    player.settled("Messenger", text)
    expect(player.page.get_by_role("group", name="Telegram and Messenger")).to_be_visible()
    expect(player.page.get_by_label("take posts")).to_be_checked()
    expect(player.journey("Messenger", text)).to_contain_text("read back")


@pytest.mark.parametrize(
    ("label", "fault", "well"),
    [
        ("The model", "429", "answers"),
        ("The model", "is down", "answers"),
        ("Telegram and Messenger", "429", "take posts"),
    ],
)
def test_when_it_is_over_the_answer_comes_once(
    player: Player, label: str, fault: str, well: str
) -> None:
    player.choose(label, fault)
    text = some("patience")
    player.write("Telegram", text)
    expect(player.journey("Telegram", text).locator(".bar.bad").first).to_be_visible()
    expect(player.answers("Telegram", text)).to_have_count(0)
    player.choose(label, well)
    player.settled("Telegram", text)


def test_a_reload_loses_nothing(player: Player) -> None:
    texts = {channel: some("before") for channel in CHANNELS}
    for channel, text in texts.items():
        player.write(channel, text)
        player.settled(channel, text)
    player.page.reload()
    for channel, text in texts.items():
        player.settled(channel, text)
        own = player.phone(channel).locator(".own", has_text=text)
        expect(own).to_have_count(1)


def test_nothing_sticks_out(on_any: Player) -> None:
    on_any.write("Telegram", "x" * 300)
    expect(on_any.phone("Telegram").locator(".own").last).to_be_visible()
    assert on_any.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
