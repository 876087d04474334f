"""How a record is handled before and around the delivery of its answer."""

from __future__ import annotations

import pytest

from chatbot.conversation.attempt import REQUESTS_AT_ONCE
from chatbot.conversation.record import MOST_RECEIVES
from chatbot.core.completion import Completion
from chatbot.core.errors import (
    AmbiguousPost,
    ContentFiltered,
    ContextTooLong,
    HistoryUnavailable,
    LeaseLost,
    ModelRefused,
    ModelUnavailable,
    SpendingExhausted,
    UselessAnswer,
)
from chatbot.core.message import Kind
from chatbot.core.timeline import ConversationProfile
from chatbot.core.translations import sentences
from chatbot.core.turn import Origin, State
from chatbot.core.work import MOST_CRASHES, DeadLetter, Done, HandBack, Tries
from tests.fakes.clock import NOON
from tests.world import CONVERSATION, World


def test_the_prompt_holds_the_earlier_turns() -> None:
    world = World("Hello Ada.", "Ada.")
    world.handle(world.envelope("My name is Ada"))
    world.handle(world.envelope("What is my name?"))
    roles_and_words = [(line.role, line.content) for line in world.model.prompts[1]]
    assert roles_and_words[1:] == [
        ("user", "My name is Ada"),
        ("assistant", "Hello Ada."),
        ("user", "What is my name?"),
    ]


def test_an_event_sent_again_is_answered_once_and_asked_once() -> None:
    world = World()
    hello = world.envelope("Hello")
    for count in (1, 1, 2):
        assert world.handle(hello, receive_count=count) == Done()
    assert (len(world.model.prompts), len(world.channel.received)) == (1, 1)


def test_an_event_older_than_the_window_is_looked_up_by_its_key() -> None:
    world = World(history_turns=0)
    first = world.envelope("first")
    world.handle(first)
    for number in range(30):
        world.handle(world.envelope(f"later {number}"))
    asked = len(world.model.prompts)
    assert world.handle(first) == Done()
    assert len(world.model.prompts) == asked


def test_a_forgotten_event_is_acknowledged_silently() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.history.persons[CONVERSATION] = ConversationProfile(forgotten_before=f"{hello.key.sort}~")
    assert world.handle(hello) == Done()
    assert (world.model.prompts, world.channel.received) == ([], [])
    assert world.history.find(hello.key) is None


def test_an_unavailable_model_returns_the_record_without_counting_the_try() -> None:
    world = World(ModelUnavailable("503"), ModelUnavailable("503"), "Hi.")
    hello = world.envelope("Hello")
    assert world.handle(hello) == HandBack(1)
    world.clock.advance(1)
    assert world.handle(hello, receive_count=2, age=1) == HandBack(2)
    assert world.history.noted[CONVERSATION][1] == Tries(-1, asked=2, since=NOON)
    assert world.handle(hello, receive_count=3) == Done()
    assert world.channel.received == ["Hi."]


def test_what_was_tried_for_too_long_gets_the_fallback_without_the_model() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.history.noted[CONVERSATION] = (hello.key.sort, Tries(-1, asked=6, since=NOON))
    age = world.settings.give_up_after + 1
    world.clock.advance(age)
    assert world.handle(hello, receive_count=7, age=age) == Done()
    assert (world.model.prompts, world.channel.received) == (
        [],
        [world.settings.fallback_text],
    )
    assert world.turn(hello).origin is Origin.FALLBACK


def test_a_redriven_message_is_old_but_not_given_up() -> None:
    """Age counts from when the record was queued, so a redrive or a late webhook starts anew."""
    world = World("Late, but here.")
    hello = world.envelope("Hello")
    world.clock.advance(5 * 86400)
    assert world.handle(hello) == Done()
    assert world.channel.received == ["Late, but here."]


def test_what_waited_long_but_was_not_tried_is_not_given_up() -> None:
    """The function was throttled, or a neighbour's worker died and others came first."""
    world = World("Late, but here.")
    hello = world.envelope("Hello")
    age = world.settings.give_up_after + 1
    world.clock.advance(age)
    assert world.handle(hello, receive_count=4, age=age) == Done()
    assert world.channel.received == ["Late, but here."]


def test_a_redriven_message_is_not_given_up_for_what_was_tried_before() -> None:
    world = World("Late, but here.")
    hello = world.envelope("Hello")
    world.history.noted[CONVERSATION] = (hello.key.sort, Tries(0, since=NOON))
    world.clock.advance(86400)
    assert world.handle(hello, receive_count=2, age=60) == Done()
    assert world.channel.received == ["Late, but here."]


def test_three_deaths_get_the_fallback_five_the_dead_letters() -> None:
    world = World(*[RuntimeError("bug")] * 9)
    hello = world.envelope("Hello")
    outcomes = [world.handle(hello, receive_count=count) for count in range(1, 4)]
    assert all(isinstance(outcome, HandBack) and not outcome.deliberate for outcome in outcomes)
    assert world.handle(hello, receive_count=4) == Done()
    assert world.channel.received == [world.settings.fallback_text]

    world = World(*[RuntimeError("bug")] * 9)
    hello = world.envelope("Hello")
    world.history.noted[CONVERSATION] = (hello.key.sort, Tries(4))
    assert world.handle(hello, receive_count=6) == DeadLetter("died")
    assert world.channel.received == []


@pytest.mark.parametrize("crashes", [2, 4, 5])
def test_a_redriven_message_starts_anew_although_nobody_saw_its_first_new_receive(
    crashes: int,
) -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    before = Tries(crashes, paid=3, asked=9, died=3, since=world.clock())
    world.history.noted[CONVERSATION] = (hello.key.sort, before)
    world.clock.advance(500)  # it was a dead letter
    assert world.handle(hello, receive_count=2, age=360) == Done()
    assert world.channel.received == ["Hi."]


def test_the_crashes_of_a_redriven_message_are_counted() -> None:
    def refuse(step: str, moment: str) -> None:
        if (step, moment) == ("put", "before"):
            raise RuntimeError("bug")

    world = World(*["Hi."] * 9)
    hello = world.envelope("Hello")
    before = Tries(MOST_CRASHES + 1, died=3, since=world.clock() - 1_000_000)
    world.history.noted[CONVERSATION] = (hello.key.sort, before)
    world.history.fault = refuse
    for count in range(2, MOST_CRASHES + 2):
        world.clock.advance(82)
        outcome = world.handle(hello, receive_count=count, age=82 * (count - 1))
        assert isinstance(outcome, HandBack)
    world.clock.advance(82)
    outcome = world.handle(hello, receive_count=count + 1, age=82 * count)
    assert outcome == DeadLetter("died")


def test_untried_deliveries_do_not_count_as_deaths() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    assert world.handle(hello, receive_count=50) == Done()
    assert world.channel.received == ["Hi."]


def test_a_turn_left_open_in_the_dead_letters_is_posted_by_the_redrive() -> None:
    world = World("Hi.", "Next.")
    hello, following = world.envelope("Hello"), world.envelope("Next")
    world.channel.outcomes.append(RuntimeError("bug"))
    world.handle(hello)
    world.clock.advance(100)
    world.history.noted[CONVERSATION] = (hello.key.sort, Tries(4))
    assert world.handle(hello, receive_count=6) == DeadLetter("died")
    world.handle(following)
    assert world.state(hello) is State.SENDING
    assert world.handle(hello) == Done()
    assert world.channel.received == ["Next.", "Hi."]


def test_a_post_that_stays_unknown_leaves_before_the_queues_own_net() -> None:
    world = World("Hi.", "Next.")
    hello, following = world.envelope("Hello"), world.envelope("Next")
    world.channel.outcomes.append(AmbiguousPost("cut"))
    world.handle(hello)
    world.clock.advance(100)
    assert world.handle(hello, receive_count=MOST_RECEIVES) == DeadLetter("unsettled")
    world.handle(following)
    assert world.handle(hello) == Done()
    assert world.channel.received == ["Next.", "Hi."]


def test_an_answer_is_counted_with_the_time_it_took() -> None:
    world = World()
    world.handle(world.envelope("Hello"), age=3)
    assert world.journal.counted("Answered") == 1
    assert world.journal.counted("AnswerSeconds") == 3


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"v":2}', '{"v":1,"channel":7}', "nonsense"])
def test_a_poison_record_is_a_dead_letter_at_once(body: str) -> None:
    world = World()
    record = world.record(world.envelope("Hello"))
    poison = type(record)("m", "r", "g", 1, record.sent_at, body, record.sent_at)
    outcome = world.conversation.handle(poison, world.deadline, lambda: None)
    assert outcome == DeadLetter("malformed")


def test_a_channel_that_is_off_waits_and_then_is_a_dead_letter() -> None:
    world = World()
    hello = world.envelope("Hello")
    record = world.record(hello)
    elsewhere = type(record)(
        "m",
        "r",
        "g",
        1,
        record.sent_at,
        hello.to_json().replace('"telegram"', '"pigeon"'),
        record.sent_at,
    )
    assert isinstance(world.conversation.handle(elsewhere, world.deadline, lambda: None), HandBack)
    world.clock.advance(world.settings.give_up_after + 1)
    outcome = world.conversation.handle(elsewhere, world.deadline, lambda: None)
    assert outcome == DeadLetter("channel_off")


def test_a_lost_lease_stops_before_the_model_is_asked() -> None:
    world = World()

    def refuse() -> None:
        raise LeaseLost

    record = world.record(world.envelope("Hello"))
    with pytest.raises(LeaseLost):
        world.conversation.handle(record, world.deadline, refuse)
    assert world.model.prompts == []


def test_an_unavailable_table_returns_the_record() -> None:
    world = World()

    def away(name: str, when: str) -> None:
        raise HistoryUnavailable("throttled")

    world.history.fault = away
    assert world.handle(world.envelope("Hello")) == HandBack(1)


@pytest.mark.parametrize(
    ("error", "says", "origin"),
    [
        (ContentFiltered("filter"), "filtered_text", Origin.FILTERED),
        (ModelRefused("authentication"), "fallback_text", Origin.FALLBACK),
    ],
)
def test_a_refusal_is_answered_at_once(error: Exception, says: str, origin: Origin) -> None:
    world = World(error)
    hello = world.envelope("Hello")
    assert world.handle(hello) == Done()
    assert world.channel.received == [getattr(world.settings, says)]
    assert world.turn(hello).origin is origin


@pytest.mark.parametrize(
    ("reason", "denied"),
    [("authentication", 1), ("insufficient_quota", 1), ("unknown_model", 1), ("bad_request", 0)],
)
def test_a_model_that_answers_nobody_is_counted_by_itself(reason: str, denied: int) -> None:
    """Counted without a channel: the API key is the same on every channel."""
    world = World(ModelRefused(reason))
    world.handle(world.envelope("Hello"))
    assert world.journal.metrics["ModelDenied", ""] == denied
    assert world.journal.counted("ModelRefused") == 1


def test_a_cut_answer_ends_with_an_ellipsis() -> None:
    world = World(Completion("Once upon a", "m", cut=True))
    world.handle(world.envelope("A tale"))
    assert world.channel.received == ["Once upon a…"]


def test_what_the_staff_wrote_is_kept_and_not_answered() -> None:
    world = World()
    staff = world.envelope("We open at nine.", kind=Kind.STAFF)
    assert world.handle(staff) == Done()
    assert (world.model.prompts, world.channel.received) == ([], [])
    for text in ("When do you open?", "Thanks"):
        world.handle(world.envelope(text))
        world.handle(world.envelope("Until six.", kind=Kind.STAFF))
    world.handle(world.envelope("Bye"))
    assert [(line.role, line.content) for line in world.model.prompts[2]][1:] == [
        ("user", "> We open at nine.\n\nWhen do you open?"),
        ("assistant", "You said: > We open at nine.\n\nWhen do you open?\n\nUntil six."),
        ("user", "Thanks"),
        ("assistant", "You said: Thanks\n\nUntil six."),
        ("user", "Bye"),
    ]


@pytest.mark.parametrize(
    "error",
    [
        ContentFiltered("filter"),
        ModelRefused("bad_request"),
        ModelRefused("authentication"),
    ],
)
def test_a_refused_message_is_not_in_the_next_prompt(error: Exception) -> None:
    world = World("Hello.", error, "Better.", "It is nine.")
    for text in ("Hi", "something odd", "What time is it?"):
        world.handle(world.envelope(text))
    shown = [line.content for line in world.model.prompts[-1][1:]]
    assert shown == ["Hi", "Hello.", "What time is it?"]
    world.handle(world.envelope("/retry"))
    assert world.channel.received[-1] == "It is nine."


def test_unsupported_content_gets_a_sentence() -> None:
    world = World()
    world.handle(world.envelope("", kind=Kind.UNSUPPORTED))
    assert (world.model.prompts, world.channel.received) == (
        [],
        [sentences("en")["unsupported"]],
    )


def test_reset_starts_fresh() -> None:
    world = World()
    world.handle(world.envelope("My name is Ada"))
    world.handle(world.envelope("/reset"))
    world.handle(world.envelope("What is my name?"))
    assert [line.content for line in world.model.prompts[1][1:]] == ["What is my name?"]


def test_start_registers_with_name_and_greets() -> None:
    world = World()
    world.handle(world.envelope("/start", name="Ada"))
    assert world.history.persons[CONVERSATION].registered
    assert world.channel.received[0].startswith("Hello, Ada!")
    assert world.model.prompts == []


def test_an_unknown_command_gets_help_not_the_model() -> None:
    world = World()
    world.handle(world.envelope("/dance"))
    assert "/help" in world.channel.received[0]
    assert world.model.prompts == []


def test_the_person_is_greeted_and_sees_that_work_is_done() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.handle(hello)
    assert world.channel.greeted == [hello.key]
    assert world.channel.worked[:1] in ([], [hello.key])


def test_logs_hold_no_words() -> None:
    world = World("secret answer", RuntimeError("secret error"))
    world.handle(world.envelope("secret question", name="secret name"))
    world.handle(world.envelope("secret question", name="secret name"))
    assert "secret" not in repr(world.journal.infos) + repr(world.journal.warnings)


def test_a_stopped_answer_is_kept_as_far_as_it_came() -> None:
    world = World(Completion("So far", "fake-model", stopped=True))
    asked = world.envelope("Tell me everything")
    assert world.handle(asked) == Done()
    assert world.channel.received == ["So far…"]
    assert world.turn(asked).origin is Origin.MODEL


def test_an_answer_that_was_stopped_before_its_first_word_says_so() -> None:
    world = World(Completion("", "fake-model", stopped=True))
    asked = world.envelope("Tell me everything")
    assert world.handle(asked) == Done()
    assert world.channel.received == ["Stopped."]
    assert world.turn(asked).origin is Origin.NOTICE


def test_a_prompt_that_is_too_long_is_asked_again_once_without_the_oldest() -> None:
    world = World("One.", "Two.", ContextTooLong("context_length"), "Three.")
    for text in ("one", "two", "three"):
        world.handle(world.envelope(text))
    assert world.channel.received == ["One.", "Two.", "Three."]
    assert [line.content for line in world.model.prompts[3][1:]] == ["two", "Two.", "three"]


@pytest.mark.parametrize("earlier", [0, 1, 3, 20])
def test_what_is_too_long_is_shortened_to_the_message_itself(earlier: int) -> None:
    world = World(*["Yes."] * earlier, *[ContextTooLong("context_length")] * 9, history_turns=20)
    for number in range(earlier):
        world.handle(world.envelope(f"{number}"))
    longest = world.envelope("the longest")
    assert world.handle(longest) == Done()
    assert world.channel.received[-1] == sentences("en")["too_long_for_model"]
    assert world.turn(longest).origin is Origin.NOTICE
    tried = [len(prompt) for prompt in world.model.prompts[earlier:]]
    assert tried == sorted(set(tried), reverse=True)
    assert [line.content for line in world.model.prompts[-1][1:]] == ["the longest"]
    assert len(tried) <= REQUESTS_AT_ONCE
    assert world.journal.counted("ModelRefused") == 1
    assert world.journal.metrics["ModelDenied", ""] == 0


def test_the_last_request_that_is_left_asks_for_nothing_but_the_message() -> None:
    world = World(*["Yes."] * 20, *[ContextTooLong("context_length")] * 2, "At last.")
    for number in range(20):
        world.handle(world.envelope(f"{number}"))
    longest = world.envelope("the longest")
    world.history.noted[CONVERSATION] = (longest.key.sort, Tries(-1, asked=5))
    assert world.handle(longest, receive_count=2) == Done()
    assert [len(prompt) > 2 for prompt in world.model.prompts[20:]] == [True, True, False]
    assert world.channel.received[-1] == "At last."


def test_what_finds_no_answer_is_not_tried_again() -> None:
    world = World(UselessAnswer("empty"))
    riddle = world.envelope("A riddle")
    assert world.handle(riddle) == Done()
    assert world.channel.received == [sentences("en")["useless"]]
    assert world.turn(riddle).origin is Origin.FALLBACK
    assert world.journal.counted("Useless") == 1
    assert world.journal.counted("Failed") == 0
    world.handle(world.envelope("Then something else"))
    assert all(line.role != "assistant" for line in world.model.prompts[-1])


def test_what_was_paid_for_in_vain_is_an_outage() -> None:
    world = World(SpendingExhausted("paid_limit"))
    assert world.handle(world.envelope("Hello")) == Done()
    assert world.channel.received == [sentences("en")["fallback_text"]]
    assert (world.journal.counted("Useless"), world.journal.counted("Failed")) == (0, 1)
    assert world.journal.metrics["ModelDenied", ""] == 0


def test_what_was_filtered_is_never_the_operators_fault() -> None:
    world = World(ContentFiltered("authentication"))
    world.handle(world.envelope("Hello"))
    assert world.journal.metrics["ModelDenied", ""] == 0
    assert world.journal.counted("Filtered") == 1


def test_the_turn_keeps_what_its_prompt_was_thought_to_take() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.handle(hello)
    turn = world.turn(hello)
    assert (turn.usage.estimate > 0, turn.usage.tokens_in) == (True, 7)
