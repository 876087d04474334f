"""What a person sees while an answer is generated: typing, drafts; and stopping it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

import pytest

from chatbot.conversation.progress import GRACE, PACE, SLOWEST, TYPING, Progress
from chatbot.core.errors import AmbiguousPost, ChatbotError, HistoryUnavailable, PostRefused
from chatbot.core.key import TurnKey
from chatbot.core.limits import LONGEST_ANSWER
from chatbot.core.message import Author, Kind, Message, Stop
from tests.fakes.channel import FakeChannel
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.history import MemoryHistory
from tests.fakes.journal import FakeJournal

KEY = TurnKey.of("telegram:42", NOON, "1:message")
MESSAGE = Message(KEY, "telegram", Kind.TEXT, "Hello", Author("42"))


class Screen(FakeChannel):
    """Records drafts and their times in seconds. `refusals` are those of the next drafts."""

    def __init__(self, clock: FakeClock, *refusals: Exception | None) -> None:
        super().__init__(clock)
        self.clock = clock
        self.drafts: list[tuple[float, str]] = []
        self.tried = 0
        self.has_place = True
        self.refusals = deque(refusals)

    def preview(self, message: Message, text: str) -> bool:
        self.tried += 1
        refusal = self.refusals.popleft() if self.refusals else None
        if refusal:
            raise refusal
        if self.has_place:
            self.drafts.append(((self.clock() - NOON) / 1000, text))
        return self.has_place


class Stage:
    """A message that is being answered, with a clock that only `until` moves."""

    def __init__(self, *refusals: Exception | None) -> None:
        self.clock = FakeClock()
        self.screen = Screen(self.clock, *refusals)
        self.history = MemoryHistory()
        self.journal = FakeJournal()
        self.live = Progress(self.screen, MESSAGE, self.history, self.journal, self.clock)

    def until(self, seconds: float) -> None:
        """Run everything that is due until then, each at its time."""
        while True:
            pause = self.live.tick()
            due = self.clock() + round(pause * 1000)
            if due > NOON + seconds * 1000:
                self.clock.now = NOON + round(seconds * 1000)
                return
            self.clock.now = max(due, self.clock() + 1)

    @property
    def drafted(self) -> list[float]:
        return [at for at, _ in self.screen.drafts]


def test_the_typing_sign_is_kept_alive() -> None:
    stage = Stage()
    stage.until(10)
    assert len(stage.screen.worked) == 3
    assert stage.screen.drafts == []


def test_what_is_over_at_once_needs_no_sign() -> None:
    stage = Stage()
    stage.live.show("Hello")
    stage.until((GRACE - 1) / 1000)
    assert (stage.screen.worked, stage.screen.drafts) == ([], [])


def test_the_first_words_come_at_once_and_more_about_once_a_second() -> None:
    stage = Stage()
    stage.until(2)
    for tenth in range(20, 60):
        assert stage.live.show(f"so far {tenth}")
        stage.until(tenth / 10)
    assert stage.drafted[0] == pytest.approx(2 + GRACE / 1000, abs=0.05)
    gaps = [later - at for at, later in zip(stage.drafted, stage.drafted[1:], strict=False)]
    assert all(gap == pytest.approx(PACE / 1000, abs=0.05) for gap in gaps)
    assert len(stage.drafted) == 4


def test_a_preview_stands_for_the_typing_sign() -> None:
    stage = Stage()
    stage.live.show("Hello")
    stage.until(3 * TYPING / 1000)
    assert len(stage.screen.worked) == 1


def test_nothing_new_is_shown_again_only_before_it_vanishes() -> None:
    stage = Stage()
    stage.live.show("Hello")
    stage.until(65)
    assert len(stage.drafted) == 4
    assert stage.drafted[1] - stage.drafted[0] < 30


@pytest.mark.parametrize("problem", [PostRefused("429"), AmbiguousPost("500"), ValueError("odd")])
def test_previews_that_fail_come_more_seldom(problem: Exception) -> None:
    stage = Stage(problem, problem, problem)
    stage.live.show("Hello")
    stage.until(1)
    assert stage.screen.tried == 1
    stage.until(10)
    assert stage.screen.tried == 3
    stage.until(14.2)
    assert len(stage.drafted) == 1
    assert {name for name, _ in stage.journal.infos} == {"optional_call_failed"}


def test_the_platform_names_the_pause() -> None:
    stage = Stage(PostRefused("429", retry_after=7))
    stage.live.show("Hello")
    stage.until(7)
    assert stage.screen.tried == 1
    stage.until(7.2)
    assert len(stage.drafted) == 1


def test_the_pause_has_an_end() -> None:
    stage = Stage(*[AmbiguousPost("500")] * 20)
    stage.live.show("Hello")
    stage.until(200)
    assert stage.screen.tried > 200_000 / SLOWEST


def test_where_there_is_no_place_nothing_is_tried_again() -> None:
    stage = Stage()
    stage.screen.has_place = False
    stage.live.show("Hello")
    stage.until(1)
    stage.live.show("Hello again")
    stage.until(60)
    assert stage.screen.tried == 1
    assert len(stage.screen.worked) == 15


def test_a_new_try_of_the_model_leaves_the_old_words_until_it_speaks() -> None:
    stage = Stage()
    stage.live.show("Old words")
    stage.until(1)
    stage.live.show("")
    stage.until(5)
    stage.live.show("New")
    stage.until(7)
    assert [text for _, text in stage.screen.drafts] == ["Old words", "New"]


# Stopping


def test_a_quick_answer_asks_nobody_whether_to_stop() -> None:
    stage = Stage()
    stage.live.show("")
    stage.until(0.999)
    assert stage.history.calls["stop_requested"] == 0


def test_the_table_is_asked_once_a_second_while_the_model_works() -> None:
    stage = Stage()
    stage.until(5)
    assert stage.history.calls["stop_requested"] == 0
    stage.live.show("")
    stage.until(10.5)
    assert stage.history.calls["stop_requested"] == 5


@pytest.mark.parametrize(
    ("event", "at", "stops"),
    [
        ("", NOON, True),
        ("", NOON + 5000, True),
        ("", NOON - 1, False),
        ("1:message", 0, True),
        ("preview of 1:message", 0, True),
        ("2:message", NOON + 5000, False),
    ],
)
def test_a_stop_is_for_its_message(event: str, at: int, *, stops: bool) -> None:
    stage = Stage()
    stage.history.stops["telegram:42"] = Stop("telegram:42", event, at)
    assert stage.live.show("Hello")
    stage.until(1.5)
    assert stage.live.show("Hello you") is not stops
    stage.until(5)
    assert len(stage.drafted) == (1 if stops else 2)


def test_a_table_that_does_not_answer_stops_nothing() -> None:
    stage = Stage()

    def fault(step: str, moment: str) -> None:
        raise HistoryUnavailable(step)

    stage.history.fault = fault
    stage.live.show("Hello")
    stage.until(3)
    assert stage.live.show("Hello")
    assert len(stage.drafted) == 1


# The thread


class Slow(FakeChannel):
    """A channel whose drafts block until a test releases them."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.begun, self.go, self.ended = threading.Event(), threading.Event(), False

    def preview(self, message: Message, text: str) -> bool:
        self.begun.set()
        self.go.wait(10)
        self.ended = True
        raise ChatbotError("anything")


def test_no_preview_follows_the_answer() -> None:
    clock = FakeClock()
    slow = Slow(clock)
    history, journal = MemoryHistory(), FakeJournal()
    with Progress(slow, replace(MESSAGE), history, journal, clock) as live:
        clock.advance(1)
        live.show("Hello")
        clock.advance(1)
        assert slow.begun.wait(10)
        threading.Timer(0.05, slow.go.set).start()
    assert slow.ended
    assert slow.greeted == [KEY]
    assert not any(thread.name == "progress" for thread in threading.enumerate())


def test_what_is_shown_of_an_unfinished_answer_is_bounded_and_can_be_stored() -> None:
    stage = Stage()
    stage.live.show("a\0" + "b" * 500_000)
    stage.until(1)
    [(_, draft), *_] = stage.screen.drafts
    assert draft[:3] == "a\ufffdb"
    assert len(draft) == LONGEST_ANSWER
