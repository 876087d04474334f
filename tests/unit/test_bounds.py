"""A message is paid for at most three times and requested at most forty times, come what may.

The bounds hold over all deliveries of the message and over all models. `test_exactly_once.py` has
the same bounds for any interleaving of two workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, pairwise

import pytest

from chatbot.conversation.attempt import REQUESTS_AT_ONCE
from chatbot.conversation.ledger import LONGEST_HEARD
from chatbot.core.completion import (
    MOST_PAID,
    MOST_REQUESTS,
    PAID_FOR_A_RECORDING,
    UNNOTED_REQUESTS,
    Completion,
    PromptLine,
    Spending,
)
from chatbot.core.errors import (
    HistoryUnavailable,
    ModelUnavailable,
    SpendingExhausted,
    Unfetchable,
    UselessAnswer,
)
from chatbot.core.files import File
from chatbot.core.message import Envelope
from chatbot.core.ports import Show
from chatbot.core.translations import sentences
from chatbot.core.work import Done, HandBack, Tries
from tests.fakes.clock import NOON
from tests.fakes.model import FakeModel
from tests.world import CONVERSATION, World

SENTENCES = sentences("en")


class Server(FakeModel):
    """A model server and its adapter, which asks `models` in turn, each four times at most.

    `outcomes` are those of the next requests: "away", "broken off" (paid), "useless" (paid),
    "crash" (paid, then the worker dies); without one, a request is answered. `usual` is the
    outcome when there is none. It counts what is requested and paid for each message, and when.
    """

    def __init__(self, world: World, usual: str = "answers", models: int = 1) -> None:
        super().__init__()
        self.world, self.usual, self.models = world, usual, models
        self.outcomes: list[str] = []
        self.requested: Counter[str] = Counter()
        self.paid: Counter[str] = Counter()
        self.times: list[float] = []
        self.asked: list[str] = []
        world.use(self)

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        messages, useless = prompt[-1].content.split("\n"), 0
        for pause in self._pauses():
            if useless and not spending.paid_remaining:
                raise UselessAnswer("empty")
            spending.begin_request()
            self.requested.update(messages)
            self.asked.append(prompt[-1].content)
            self.times.append(self.world.clock() / 1000)
            outcome = self.outcomes.pop(0) if self.outcomes else self.usual
            self.world.clock.advance(pause)
            if outcome == "away":
                continue
            spending.count_paid()
            self.paid.update(messages)
            if outcome == "crash":
                raise RuntimeError("the worker died")
            if outcome == "answers":
                return Completion(f"answer to {prompt[-1].content}", "m")
            useless += outcome == "useless"
            if useless == 2 * self.models:
                raise UselessAnswer("empty")
            if outcome == "broken off" and spending.paid_remaining == 1:
                break  # the last answer that may be paid for is left to a later delivery
        raise ModelUnavailable("away")

    def _pauses(self) -> Iterator[float]:
        for tried in range(4):
            yield from [0.1] * (self.models - 1)
            yield 0.5 * 2**tried


def live(world: World, seconds: float = 1200) -> None:
    """Invoke the worker whenever the queue has something visible, until it is empty."""
    end = world.clock() + seconds * 1000
    while world.queue.letters and world.clock() < end:
        if not any(letter.visible_at > world.clock() for letter in world.queue.letters):
            world.invoke()
        world.clock.advance(0.25)


def send(world: World, *texts: str) -> list[Envelope]:
    envelopes = [world.envelope(text) for text in texts]
    for envelope in envelopes:
        world.queue.send(envelope)
    return envelopes


@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize("texts", [("one",), ("one", "two", "three")])
def test_an_outage_is_waited_out_with_growing_pauses(models: int, texts: tuple[str, ...]) -> None:
    world = World()
    server = Server(world, "away", models)
    began = world.clock()
    send(world, *texts)
    live(world)
    assert world.queue.letters == []
    assert world.channel.received == [SENTENCES["fallback_text"]] * len(texts)
    assert max(server.requested.values()) <= MOST_REQUESTS
    assert server.requested["one"] >= MOST_REQUESTS - REQUESTS_AT_ONCE  # it was not given up early
    took = (world.clock() - began) / 1000
    assert world.settings.give_up_after < took < world.settings.give_up_after + 60
    pauses = [after - before for before, after in pairwise(server.times)]
    assert max(pauses[:REQUESTS_AT_ONCE]) < max(pauses[REQUESTS_AT_ONCE:]) <= 31


@pytest.mark.parametrize("minutes", [0.1, 1, 10])
def test_after_an_outage_the_answer_comes_soon(minutes: float) -> None:
    world = World()
    server = Server(world, "away")
    send(world, "one", "two")
    live(world, minutes * 60)
    assert world.channel.received == []
    server.usual, ended = "answers", world.clock()
    live(world)
    assert world.channel.received == ["answer to one", "answer to two"]
    assert world.clock() - ended < 31_000


@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize(
    ("usual", "says"),
    [("useless", "useless"), ("broken off", "fallback_text"), ("crash", "fallback_text")],
)
def test_what_is_paid_in_vain_is_paid_three_times_at_most(
    usual: str, says: str, models: int
) -> None:
    world = World()
    server = Server(world, usual, models)
    send(world, "one")
    live(world, 120)
    assert world.channel.received == [SENTENCES[says]]
    assert 2 <= server.paid["one"] <= MOST_PAID


@pytest.mark.parametrize("texts", [("one",), ("one", "two", "three")])
def test_an_outage_that_is_paid_for_is_waited_for_before_the_last_answer(
    texts: tuple[str, ...],
) -> None:
    """Streams that break off, or say with status 200 that the server is overloaded."""
    world = World()
    server = Server(world, "broken off")
    send(world, *texts)
    live(world, 20)
    assert world.channel.received == []
    assert server.paid["one"] == MOST_PAID - 1
    server.usual, ended = "answers", world.clock()
    live(world)
    assert world.channel.received == [f"answer to {text}" for text in texts]
    assert world.clock() - ended < 31_000
    assert max(server.paid.values()) <= MOST_PAID
    assert world.journal.counted("Useless") == 0


@pytest.mark.parametrize("usual", ["useless", "broken off", "crash", "away"])
def test_of_merged_messages_each_keeps_the_bounds(usual: str) -> None:
    world = World()
    server = Server(world, usual)
    send(world, "one", "two", "three")
    live(world)
    assert len(world.channel.received) == 3
    assert max(server.paid.values(), default=0) <= MOST_PAID
    assert max(server.requested.values()) <= MOST_REQUESTS


@pytest.mark.parametrize("usual", ["useless", "broken off", "crash", "away"])
def test_the_bounds_hold_where_the_table_takes_no_note(usual: str) -> None:
    """A note that is refused leaves its delivery counted as a crash."""
    world = World()
    server = Server(world, usual, models=3)

    def refuse(step: str, moment: str) -> None:
        if step == "note_try" and moment == "before":
            raise HistoryUnavailable("throttled")

    world.history.fault = refuse
    send(world, "one")
    live(world)
    assert len(world.channel.received) == 1
    assert server.paid["one"] <= MOST_PAID
    assert server.requested["one"] <= MOST_REQUESTS


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_bounds_hold_where_the_table_takes_no_answer(moment: str) -> None:
    world = World()
    server = Server(world)

    def refuse(step: str, when: str) -> None:
        if step == "put" and when == moment and server.paid["one"] < MOST_PAID + 1:
            raise HistoryUnavailable("throttled")

    world.history.fault = refuse
    send(world, "one")
    live(world, 300)
    assert server.paid["one"] <= MOST_PAID


def test_an_answer_at_the_first_delivery_costs_no_note() -> None:
    world = World()
    send(world, "one")
    live(world)
    assert world.channel.received == ["You said: one"]
    assert world.history.calls["raise_try"] + world.history.calls["note_try"] == 0


def test_a_delivery_is_noted_before_it_pays_again() -> None:
    world = World()
    server = Server(world)
    server.outcomes = ["broken off", "crash"]
    one = world.envelope("one")
    assert not world.handle(one).deliberate  # type: ignore[union-attr]
    noted = Tries(0, paid=1, asked=1, died=1, since=NOON)
    assert world.history.noted[CONVERSATION] == (one.key.sort, noted)
    server.outcomes = ["broken off"] * 9
    assert world.handle(one, receive_count=2) == Done()
    assert server.paid["one"] == MOST_PAID


def test_a_delivery_is_noted_before_it_requests_more() -> None:
    world = World()
    Server(world, "away", models=3)
    one = world.envelope("one")
    assert isinstance(world.handle(one), HandBack)
    assert world.history.calls["note_try"] == REQUESTS_AT_ONCE // UNNOTED_REQUESTS
    noted = Tries(-1, asked=REQUESTS_AT_ONCE, since=NOON)
    assert world.history.noted[CONVERSATION][1] == noted


def test_what_a_merged_prompt_has_paid_counts_for_each_of_its_messages() -> None:
    world = World()
    server = Server(world)
    server.outcomes = ["useless"]
    send(world, "one", "two")
    assert world.invoke() == []
    assert world.channel.received == ["answer to one", "answer to two"]
    assert server.paid == {"one": 2, "two": 2}
    # Noted for each before it was paid for again.
    (event, tries), two = world.history.noted[CONVERSATION], world.history.all(CONVERSATION)[1]
    assert (event, tries) == (two.key.sort, Tries(0, paid=1, asked=1, died=1, since=NOON))


def test_what_a_merged_prompt_has_paid_counts_where_no_time_is_left_after_it() -> None:
    world = World()
    server = Server(world)
    server.outcomes = ["useless"]

    def take_long(step: str, moment: str) -> None:
        if (step, moment) == ("mark_delivered", "after"):
            world.clock.advance(50)

    world.history.fault = take_long
    _, two = send(world, "one", "two")
    assert len(world.invoke()) == 1
    assert world.channel.received == ["answer to one"]
    assert world.history.noted[CONVERSATION] == (two.key.sort, Tries(-1, paid=1, asked=1))
    world.history.fault = lambda *_: None
    server.usual = "crash"
    live(world)
    assert world.channel.received[1:] == [SENTENCES["fallback_text"]]
    assert server.paid["two"] == MOST_PAID


def test_a_merged_prompt_is_paid_for_once() -> None:
    """Later ones of its messages have no note: what is not known of them is one delivery."""
    world = World()
    server = Server(world, "useless")
    send(world, "one", "two")
    assert world.invoke() == []
    assert world.channel.received == [SENTENCES["useless"]] * 2
    assert server.paid == {"one": MOST_PAID, "two": MOST_PAID}
    assert server.asked == ["one\ntwo", "one", "one", "two", "two"]


def test_a_message_that_was_paid_for_three_times_gets_the_fallback_at_once() -> None:
    world = World()
    server = Server(world)
    one = world.envelope("one")
    world.history.noted[CONVERSATION] = (one.key.sort, Tries(0, paid=2, asked=9))
    assert world.handle(one, receive_count=9) == Done()
    assert world.channel.received == [SENTENCES["fallback_text"]]
    assert server.requested == {}
    assert dict(world.journal.warnings)["fallback"]["reason"] == "paid_limit"


def test_spending_is_refused_beyond_its_limits() -> None:
    spending = Spending(requests_left=2, paid_left=1)
    spending.begin_request()
    spending.begin_request()
    assert spending.remaining == 0
    with pytest.raises(ModelUnavailable):
        spending.begin_request()
    spending.count_paid()
    with pytest.raises(SpendingExhausted):
        spending.begin_request()


# Recordings


def recording(world: World, *names: str) -> Envelope:
    for name in names:
        world.channel.files[name] = File(name.encode(), "audio/ogg")
    return world.envelope("[recording]" * len(names), media=[("audio", name) for name in names])


def test_a_recording_is_transcribed_once_while_the_model_is_away() -> None:
    world = World()
    server = Server(world, "away")
    heard: list[str] = []
    transcribe = server.transcribe

    def counted(audio: File, seconds: float, spending: Spending) -> str:
        heard.append(transcribe(audio, seconds, spending))
        return heard[-1]

    server.transcribe = counted  # type: ignore[method-assign]
    spoken = recording(world, "first words", "second words")
    begun = world.clock()
    assert isinstance(world.handle(spoken), HandBack)
    assert world.history.noted[CONVERSATION][1].heard == (
        ("first words", "first words"),
        ("second words", "second words"),
    )
    for count in (2, 3):
        age = (world.clock() - begun) / 1000
        assert isinstance(world.handle(spoken, receive_count=count, age=age), HandBack)
    server.usual = "answers"
    world.clock.advance(60)
    age = (world.clock() - begun) / 1000
    assert world.handle(spoken, receive_count=4, age=age) == Done()
    assert world.turn(spoken).text == "first wordssecond words"
    assert heard == ["first words", "second words"]


def test_what_was_heard_is_kept_up_to_a_length() -> None:
    world = World(max_input=100_000)
    Server(world, "away")
    long = "a" * (LONGEST_HEARD - 1)
    spoken = recording(world, long, "bcd")
    assert isinstance(world.handle(spoken), HandBack)
    kept = world.history.noted[CONVERSATION][1].heard
    assert kept == ((long, long), ("bcd", "b"))


def test_what_was_heard_is_known_by_its_recording() -> None:
    """Whichever of them could be downloaded in an earlier delivery."""
    world = World()
    server = Server(world, "away")
    spoken = recording(world, "first words", "second words")
    world.channel.files["first words"] = Unfetchable("gone")
    assert isinstance(world.handle(spoken), HandBack)
    world.channel.files["first words"] = File(b"first words", "audio/ogg")
    server.usual = "answers"
    world.clock.advance(60)
    assert world.handle(spoken, receive_count=2, age=60) == Done()
    assert world.turn(spoken).text == "first wordssecond words"


def test_a_recording_that_cannot_be_transcribed_keeps_the_bound() -> None:
    world = World()
    server = Server(world)
    tried: list[str] = []

    def away(audio: File, seconds: float, spending: Spending) -> str:
        spending.begin_request()
        tried.append("")
        raise ModelUnavailable("503")

    server.transcribe = away  # type: ignore[method-assign]
    world.queue.send(recording(world, "words"))
    live(world)
    assert world.channel.received == [SENTENCES["fallback_text"]]
    assert REQUESTS_AT_ONCE < len(tried) <= MOST_REQUESTS


class Studio(Server):
    """Answers requests for transcriptions with `sounds`, one after another, again and again.

    They are "words", "page" (a paid answer that is none), "away" or "crash" (paid, then the worker
    dies). As the adapter does, it asks once more after a page.
    """

    def __init__(self, world: World, *sounds: str, usual: str = "answers") -> None:
        super().__init__(world, usual)
        self.sounds = cycle(sounds)

    def transcribe(self, audio: File, seconds: float, spending: Spending) -> str:
        for again in (True, False):
            spending.begin_request()
            self.requested["recording"] += 1
            sound = next(self.sounds)
            if sound == "away":
                raise ModelUnavailable("status 503")
            spending.count_paid()
            self.paid["recording"] += 1
            if sound == "crash":
                raise RuntimeError("the worker died")
            if sound == "words":
                return audio.content.decode()
            if not (again and spending.paid_remaining):
                break
        raise UselessAnswer("no transcript")


@pytest.mark.parametrize(
    ("sounds", "usual"),
    [
        (["page", "away"], "answers"),
        (["page", "page", "away"], "answers"),
        (["page"], "answers"),
        (["page"], "broken off"),
        (["crash"], "answers"),
        (["page", "crash"], "answers"),
        (["page", "words"], "broken off"),
        (["page", "words"], "crash"),
        (["words"], "useless"),
        (["words", "away", "page"], "away"),
    ],
    ids=str,
)
@pytest.mark.parametrize("recordings", [1, 2])
@pytest.mark.parametrize("noted", [True, False])
def test_what_recordings_cost_is_bounded(
    sounds: list[str], usual: str, recordings: int, noted: bool
) -> None:
    world = World()
    studio = Studio(world, *sounds, usual=usual)

    def refuse(step: str, moment: str) -> None:
        if step == "note_try" and moment == "before" and not noted:
            raise HistoryUnavailable("throttled")

    world.history.fault = refuse
    world.queue.send(recording(world, *[f"words{number}" for number in range(recordings)]))
    live(world)
    assert len(world.channel.received) == 1
    assert sum(studio.paid.values()) <= MOST_PAID + PAID_FOR_A_RECORDING * recordings
    assert sum(studio.requested.values()) <= MOST_REQUESTS


def test_a_recording_is_not_paid_for_again_after_a_crash() -> None:
    world = World()
    studio = Studio(world, "words", usual="crash")
    spoken = recording(world, "words")
    assert not world.handle(spoken).deliberate  # type: ignore[union-attr]
    assert world.history.noted[CONVERSATION][1].heard == (("words", "words"),)
    studio.usual = "answers"
    assert world.handle(spoken, receive_count=2) == Done()
    assert world.channel.received == ["answer to words"]
    assert studio.paid == {"recording": 1, "words": 2}


def test_recordings_take_nothing_from_what_may_be_paid_for_the_answer() -> None:
    world = World()
    studio = Studio(world, "page", "words", usual="broken off")
    world.queue.send(recording(world, "one", "two"))
    live(world)
    assert world.channel.received == [SENTENCES["fallback_text"]]
    assert (studio.paid["recording"], studio.paid["onetwo"]) == (4, MOST_PAID)


def test_a_recording_without_words_is_not_asked_for_again() -> None:
    world = World()
    studio = Studio(world, "page", usual="away")
    envelope = world.envelope("[recording] and 2+2?", media=[("audio", "r")])
    world.channel.files["r"] = File(b"words", "audio/ogg")
    begun = world.clock()
    assert isinstance(world.handle(envelope), HandBack)
    studio.usual = "answers"
    world.clock.advance(60)
    age = (world.clock() - begun) / 1000
    assert world.handle(envelope, receive_count=2, age=age) == Done()
    assert studio.paid["recording"] == PAID_FOR_A_RECORDING
    assert "2+2?" in world.channel.received[0]
