"""Messages that wait in a queue: which are merged into one answer, and which never are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chatbot.conversation.merged import REST_ARRIVES
from chatbot.conversation.record import MOST_RECEIVES
from chatbot.core.completion import Completion, PromptLine, Spending
from chatbot.core.errors import (
    AmbiguousPost,
    ContentFiltered,
    ContextTooLong,
    HistoryUnavailable,
    ModelRefused,
    ModelUnavailable,
    PostRefused,
    UselessAnswer,
)
from chatbot.core.message import Envelope, Kind
from chatbot.core.ports import Show
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Origin, State
from chatbot.core.work import DeadLetter, Done, HandBack, Outcome, Tries
from tests.fakes.clock import NOON
from tests.fakes.model import FakeModel
from tests.world import CONVERSATION, World

TOGETHER = "You said: one\ntwo\nthree"


def handle(
    world: World, *envelopes: Envelope, receive_count: int = 1, age: float | None = None
) -> Outcome:
    """Handle the first record of a batch, with the others behind it."""
    if age is None:  # what is received again has waited for the rest of it
        age = REST_ARRIVES if receive_count > 1 else 0
    first, *others = [world.record(envelope, receive_count, age) for envelope in envelopes]
    return world.conversation.handle(first, world.deadline, lambda: None, others)


def envelopes(world: World, *texts: str) -> list[Envelope]:
    return [world.envelope(text) for text in texts]


def test_what_waits_in_one_batch_is_answered_together_once() -> None:
    world = World()
    sent = envelopes(world, "one", "two", "three")
    for envelope in sent:
        world.queue.send(envelope)
    assert world.invoke() == []
    assert world.channel.received == [TOGETHER]
    assert world.queue.letters == []
    leader, *pointers = world.history.all(CONVERSATION)
    assert (leader.text, leader.more, leader.links.merged_into) == ("one", "two\nthree", "")
    assert [(turn.text, turn.links.merged_into) for turn in pointers] == [
        ("two", leader.key.sort),
        ("three", leader.key.sort),
    ]
    assert {turn.state for turn in world.history.all(CONVERSATION)} == {State.DELIVERED}


def test_they_are_one_turn_of_later_prompts() -> None:
    world = World("Good.")
    handle(world, *envelopes(world, "one", "two"))
    world.handle(world.envelope("and now?"))
    assert [(line.role, line.content) for line in world.model.prompts[1][1:]] == [
        ("user", "one\ntwo"),
        ("assistant", "Good."),
        ("user", "and now?"),
    ]


@pytest.mark.parametrize(
    ("between", "answered"),
    [
        ({"text": "/help"}, 0),
        ({"text": "", "kind": Kind.UNSUPPORTED}, 0),
        ({"text": "ours", "kind": Kind.STAFF}, 0),
        ({"text": "pressed", "callback": "9"}, 0),
        ({"text": "another's", "author": "8"}, 0),
        ({"text": "a reply", "quoted": "what was said"}, 1),
        ({"text": "a reply", "replied_to": "p1"}, 1),
    ],
)
def test_nothing_is_merged_across_what_stands_alone(between: dict[str, Any], answered: int) -> None:
    """`answered`: a reply may still have the following messages merged into it."""
    world = World()
    sent = [world.envelope("one"), world.envelope(**between), world.envelope("two")]
    assert handle(world, *sent) == Done()
    assert world.channel.received == ["You said: one"]
    assert handle(world, *sent[1:]) == Done(answered)
    assert handle(world, sent[2]) == Done()


def test_in_image_mode_each_message_is_a_prompt_of_its_own() -> None:
    world = World()
    world.history.persons[CONVERSATION] = ConversationProfile(mode="image")
    assert handle(world, *envelopes(world, "a fox", "a hare")) == Done()


def test_an_unreadable_record_ends_what_is_merged() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    poison, first = world.record(two), world.record(one)
    poison = replace(poison, message_id="m", body="{}")
    outcome = world.conversation.handle(first, world.deadline, lambda: None, [poison])
    assert outcome == Done()


def test_the_same_event_twice_in_a_batch_is_no_second_message() -> None:
    world = World()
    one = world.envelope("one")
    assert handle(world, one, one) == Done()
    assert world.channel.received == ["You said: one"]


def test_an_event_older_than_the_one_before_it_keeps_its_own_turn() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    assert handle(world, two, one) == Done()


def test_a_message_that_has_its_turn_already_is_not_merged() -> None:
    world = World()
    one, two, three = envelopes(world, "one", "two", "three")
    world.handle(two)
    assert handle(world, one, two, three) == Done()
    assert world.channel.received == ["You said: two", "You said: one"]


def test_together_they_are_not_longer_than_max_input() -> None:
    world = World(max_input=8)
    assert handle(world, *envelopes(world, "one", "two", "three")) == Done(1)
    assert world.channel.received == ["You said: one\ntwo"]


def test_a_text_that_was_cut_is_put_together_again_however_long() -> None:
    world = World(max_input=10)
    halves = [
        world.envelope("one", unfinished=True),
        world.envelope("two", unfinished=True),
        world.envelope("three"),
    ]
    assert handle(world, *halves) == Done(2)


def test_a_cut_text_waits_once_for_its_rest() -> None:
    world = World()
    half = world.envelope("a long", unfinished=True)
    world.queue.send(half)
    assert len(world.invoke()) == 1
    assert world.queue.letters[0].visible_at - world.clock() == REST_ARRIVES * 1000
    assert world.model.prompts == []
    world.queue.send(world.envelope("text"))
    world.clock.advance(REST_ARRIVES)
    assert world.invoke() == []
    assert world.channel.received == ["You said: a long\ntext"]
    # The first delivery was noted, so that it does not count as a crash.
    assert world.history.noted[CONVERSATION][1].crashes == 0


def test_a_cut_text_whose_rest_never_comes_is_answered() -> None:
    world = World()
    half = world.envelope("a long", unfinished=True)
    assert handle(world, half) == HandBack(REST_ARRIVES)
    assert handle(world, half, receive_count=2) == Done()


def test_a_cut_text_does_not_wait_when_something_else_has_come() -> None:
    world = World()
    assert handle(world, world.envelope("a long", unfinished=True), world.envelope("/help")) == (
        Done()
    )


def test_the_model_away_hands_all_back_and_counts_no_death() -> None:
    world = World(ModelUnavailable("503"), ModelUnavailable("503"))
    sent = envelopes(world, "one", "two", "three")
    assert handle(world, *sent) == HandBack(1)
    world.clock.advance(1)
    assert handle(world, *sent, receive_count=2, age=1) == HandBack(2)
    noted = Tries(-1, asked=2, since=NOON)
    assert world.history.noted[CONVERSATION] == (sent[0].key.sort, noted)


def test_a_message_is_not_dragged_into_a_prompt_that_failed() -> None:
    world = World(ModelUnavailable("503"))
    sent = envelopes(world, "one", "two")
    assert handle(world, *sent) == HandBack(1)
    assert handle(world, *sent, receive_count=2) == Done()
    assert handle(world, sent[1], receive_count=2) == Done()
    assert world.channel.received == ["You said: one", "You said: two"]


def test_a_message_that_was_tried_is_not_dragged_into_a_new_prompt() -> None:
    world = World()
    one, two, three = envelopes(world, "one", "two", "three")
    waiting = [world.record(two), world.record(three, receive_count=2)]
    outcome = world.conversation.handle(world.record(one), world.deadline, lambda: None, waiting)
    assert outcome == Done(1)
    assert world.channel.received == ["You said: one\ntwo"]


def test_pieces_of_one_text_stay_together_whenever_they_are_tried() -> None:
    world = World(ModelUnavailable("503"))
    pieces = [world.envelope("a long", unfinished=True), world.envelope("text")]
    sent = [*pieces, world.envelope("thanks")]
    assert handle(world, *sent) == HandBack(1)
    assert handle(world, *sent, receive_count=2) == Done(1)
    assert world.channel.received == ["You said: a long\ntext"]


OWN_FAULT = [
    ContentFiltered("content_filter"),
    ContextTooLong("context_length"),
    ModelRefused("bad_request"),
    UselessAnswer("empty"),
]


@pytest.mark.parametrize("refused", OWN_FAULT, ids=lambda error: type(error).__name__)
def test_a_merged_prompt_that_fails_for_its_own_sake_is_answered_apart(refused: Exception) -> None:
    world = World(refused)
    for envelope in envelopes(world, "one", "two", "three"):
        world.queue.send(envelope)
    assert world.invoke() == []
    assert world.channel.received == [f"You said: {text}" for text in ("one", "two", "three")]
    assert [prompt[-1].content for prompt in world.model.prompts] == [
        *("one\ntwo\nthree", "one", "two", "three")
    ]
    assert world.journal.counted("Filtered") + world.journal.counted("Useless") == 0


def test_a_key_that_is_refused_is_not_for_the_sake_of_one_message() -> None:
    world = World(ModelRefused("authentication"))
    sent = envelopes(world, "one", "two", "three")
    assert handle(world, *sent) == Done(2)
    assert world.channel.received == [world.settings.fallback_text]


def test_of_a_filtered_pair_only_the_guilty_one_gets_the_sentence() -> None:
    world = World(ContentFiltered("filter"), "Fine.", ContentFiltered("filter"))
    for envelope in envelopes(world, "one", "two"):
        world.queue.send(envelope)
    assert world.invoke() == []
    assert world.channel.received == ["Fine.", world.settings.filtered_text]


def test_given_up_each_gets_its_own_fallback() -> None:
    world = World()
    sent = envelopes(world, "one", "two", "three")
    for number in range(3):
        waiting = sent[number:]
        assert handle(world, *waiting, age=world.settings.give_up_after + 1) == Done()
    assert world.channel.received == [world.settings.fallback_text] * 3
    assert [turn.key for turn in world.history.all(CONVERSATION)] == [each.key for each in sent]


def test_what_kills_the_worker_together_is_tried_apart() -> None:
    world = World(*[RuntimeError("bug")] * 3)
    one, two = envelopes(world, "one", "two")
    for count in range(1, 4):
        outcome = handle(world, one, two, receive_count=count)
        assert isinstance(outcome, HandBack)
        assert not outcome.deliberate
    assert handle(world, one, two, receive_count=4) == Done()
    assert world.channel.received == [world.settings.fallback_text]
    assert world.history.find(two.key) is None
    assert handle(world, two, receive_count=5) == Done()
    assert world.channel.received[1:] == ["You said: two"]


def test_deaths_of_a_later_message_are_not_forgotten_for_an_answered_one() -> None:
    """`~try` counts attempts at the record acted on; the ones before it are redelivered too."""
    world = World("One.", *[RuntimeError("bug")] * 9)
    one, two = world.envelope("one"), world.envelope("/help", kind=Kind.TEXT, callback="9")
    assert handle(world, one, two) == Done()
    for count in range(1, 6):
        assert handle(world, one, two, receive_count=count) == Done()
        handle(world, two, receive_count=count)
    assert world.channel.received == ["One.", world.settings.fallback_text]


def test_a_second_delivery_of_all_does_nothing() -> None:
    world = World()
    sent = envelopes(world, "one", "two", "three")
    handle(world, *sent)
    for number in range(3):
        assert handle(world, *sent[number:], receive_count=2) == Done()
    assert world.channel.received == [TOGETHER]
    assert len(world.model.prompts) == 1


@pytest.mark.parametrize("receive_count", [1, 2])
def test_a_pointer_alone_completes_the_turn_it_was_merged_into(receive_count: int) -> None:
    """The post of the turn that it was merged into is unknown, and that turn's record is gone."""
    world = World()
    one, two = envelopes(world, "one", "two")
    world.channel.outcomes.append(AmbiguousPost("cut"))
    wait = handle(world, one, two)
    assert isinstance(wait, HandBack)
    assert handle(world, two, receive_count=receive_count) == wait  # the claim runs
    world.clock.advance(wait.delay + 1)
    assert handle(world, two, receive_count=receive_count) == Done()
    assert world.channel.received == ["You said: one\ntwo"]
    assert world.state(one) is State.DELIVERED


def test_a_pointer_posts_the_turn_it_was_merged_into_if_that_was_surely_not_posted() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    world.channel.outcomes.append(PostRefused("429", 60))
    assert handle(world, one, two) == HandBack(60)
    assert world.state(one) is State.ANSWERED
    assert handle(world, two) == Done()
    assert world.channel.received == ["You said: one\ntwo"]


def test_a_merged_turn_and_its_pointer_become_dead_letters_together() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    world.channel.outcomes.append(AmbiguousPost("cut"))
    handle(world, one, two)
    world.clock.advance(100)
    for envelope in (one, two):
        outcome = handle(world, envelope, receive_count=MOST_RECEIVES)
        assert outcome == DeadLetter("unsettled")
    assert handle(world, one) == Done()
    assert handle(world, two) == Done()
    assert world.channel.received == ["You said: one\ntwo"]


def test_a_pointer_to_a_deleted_turn_is_done() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    handle(world, one, two)
    del world.history.turns[CONVERSATION][one.key.sort]
    assert handle(world, two) == Done()
    assert len(world.channel.received) == 1


def test_a_merged_turn_beyond_the_window_is_looked_up() -> None:
    world = World(history_turns=0)
    one, two = envelopes(world, "one", "two")
    world.channel.outcomes.append(AmbiguousPost("cut"))
    handle(world, one, two)
    world.channel.outcomes.clear()
    for number in range(30):
        world.handle(world.envelope(f"later {number}"))
    asked = len(world.model.prompts)
    world.clock.advance(100)
    assert handle(world, two) == Done()
    assert len(world.model.prompts) == asked
    assert world.channel.received[-1] == "You said: one\ntwo"


class Rival(FakeModel):
    """Another worker that answers some of the messages during this one's model call."""

    def __init__(self, world: World, *sent: Envelope) -> None:
        super().__init__()
        self.world, self.sent, self.usual = world, sent, world.model

    def answer(
        self, prompt: Sequence[PromptLine], seconds: float, show: Show, spending: Spending
    ) -> Completion:
        if self.world.model is self.usual:  # in the same batch, after the first prompt
            return self.usual.answer(prompt, seconds, show, spending)
        self.world.use(self.usual)
        spending.begin_request()
        spending.count_paid()
        handle(self.world, *self.sent)
        return Completion("ours", "m")


def test_a_message_that_was_answered_alone_meanwhile_counts_for_itself() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    world.use(Rival(world, one))
    assert handle(world, one, two) == Done()
    assert world.channel.received == ["You said: one"]
    assert world.history.find(two.key) is None


def test_what_was_merged_in_vain_is_not_merged_again() -> None:
    """Another worker has answered the first message: the prompt was paid for the others, too."""
    world = World()
    sent = envelopes(world, "one", "two", "three")
    for envelope in sent:
        world.queue.send(envelope)
    world.use(Rival(world, sent[0]))
    assert world.invoke() == []
    assert world.channel.received == [f"You said: {text}" for text in ("one", "two", "three")]
    assert world.history.noted[CONVERSATION] == (
        sent[2].key.sort,
        Tries(paid=1, asked=1, died=1, since=NOON),
    )


def test_another_message_answered_meanwhile_hands_all_back() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    world.use(Rival(world, two))
    assert handle(world, one, two) == HandBack(1)
    assert world.history.find(one.key) is None
    assert handle(world, one, two, receive_count=2) == Done()
    assert world.channel.received == ["You said: two", "You said: one"]


def test_a_lost_response_of_the_transaction_goes_on() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    plain = world.history.put_all

    def twice(turns: Any) -> None:
        plain(turns)
        plain(turns)

    world.history.put_all = twice  # type: ignore[method-assign]
    assert handle(world, one, two) == Done(1)
    assert world.channel.received == ["You said: one\ntwo"]


def test_a_refused_transaction_keeps_nothing() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")

    def conflict(step: str, moment: str) -> None:
        if step == "put_all" and moment == "before":
            raise HistoryUnavailable("TransactionConflict")

    world.history.fault = conflict
    assert handle(world, one, two) == HandBack(1)
    assert world.history.all(CONVERSATION) == []


def test_a_pointer_takes_over_the_origin() -> None:
    world = World()
    one, two = envelopes(world, "one", "two")
    handle(world, one, two)
    assert world.turn(two).origin is Origin.MODEL
    assert not world.turn(two).reply.text
