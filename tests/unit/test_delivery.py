"""Every row of the delivery rules (docs/architecture.md), one delivery at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatbot.core.errors import (
    AmbiguousPost,
    CredentialRefused,
    HistoryUnavailable,
    ModelUnavailable,
    PostRefused,
    Undeliverable,
)
from chatbot.core.message import Envelope
from chatbot.core.ports import Settling
from chatbot.core.turn import Claim, Part, Reply, State, Turn
from chatbot.core.work import DeadLetter, Done, HandBack, Tries
from tests.fakes.channel import Lands
from tests.world import INVOCATION, ProcessEnded, World


def crash_at(
    world: World, step: str, moment: str, error: type[BaseException] = ProcessEnded
) -> None:
    """Crash when `step` is next at `moment`, once."""

    def fault(name: str, when: str) -> None:
        if (name, when) == (step, moment):
            world.history.fault = lambda *_: None
            raise error("planted")

    world.history.fault = fault


def stored(world: World, envelope: Envelope, state: State, **fields: object) -> Turn:
    """Answer `envelope`, then put its turn into `state` as an earlier attempt left it."""
    world.channel.outcomes.append(AmbiguousPost("planted"))
    world.handle(envelope)
    turn = replace(world.turn(envelope), state=state, **fields)  # type: ignore[arg-type]
    world.history.turns[envelope.conversation][envelope.key.sort] = turn
    return turn


def over(world: World) -> Claim:
    return Claim("dead-worker", world.clock() - 1)


def test_a_message_is_asked_stored_posted_and_marked() -> None:
    world = World("Hi Ada.")
    hello = world.envelope("Hello")
    assert world.handle(hello) == Done()
    turn = world.turn(hello)
    assert world.channel.received == ["Hi Ada."]
    assert (turn.state, turn.text, turn.reply.text) == (
        State.DELIVERED,
        "Hello",
        "Hi Ada.",
    )
    assert turn.posted == ("p1",)
    assert world.history.calls == {"read": 1, "put": 1, "mark_delivered": 1, "find": 1}


@pytest.mark.parametrize("state", [State.DELIVERED, State.UNDELIVERABLE, State.HELD])
def test_a_settled_turn_is_acknowledged(state: State) -> None:
    world = World()
    hello = world.envelope("Hello")
    stored(world, hello, state, claim=over(world))
    assert world.handle(hello, receive_count=2) == Done()
    assert world.state(hello) is state
    assert (len(world.model.prompts), world.channel.received) == (1, [])


def test_an_answered_turn_is_posted_from_the_first_part_not_recorded() -> None:
    world = World("aaabbbccc", limit=3)
    hello = world.envelope("Hello")
    stored(world, hello, State.ANSWERED, posted=("p-a",))
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["bbb", "ccc"]
    assert world.turn(hello).posted == ("p-a", "p1", "p2")
    assert len(world.model.prompts) == 1


def test_a_running_claim_hides_the_record_until_it_ends() -> None:
    world = World()
    hello = world.envelope("Hello")
    stored(world, hello, State.SENDING, claim=Claim("other", world.clock() + 7000))
    assert world.handle(hello, receive_count=2) == HandBack(7)
    assert world.channel.received == []


def test_telegram_posts_again_when_the_claim_is_over() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    stored(world, hello, State.SENDING, claim=over(world))
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["Hi."]
    assert world.state(hello) is State.DELIVERED


def test_telegram_holds_where_the_operator_says_so() -> None:
    world = World("Hi.", ambiguous_delivery="hold")
    hello = world.envelope("Hello")
    stored(world, hello, State.SENDING, claim=over(world))
    assert world.handle(hello, receive_count=2) == Done()
    assert (world.channel.received, world.state(hello)) == ([], State.HELD)
    assert world.journal.counted("Held") == 1


def test_the_web_needs_no_post() -> None:
    world = World("Hi.", settling=Settling.NOTHING_TO_POST)
    hello = world.envelope("Hello")
    stored(world, hello, State.SENDING, claim=over(world))
    assert world.handle(hello, receive_count=2) == Done()
    assert (world.channel.received, world.state(hello)) == ([], State.DELIVERED)


def test_messenger_reads_back_what_arrived_and_posts_the_rest_only() -> None:
    world = World("aaabbb", settling=Settling.READ_BACK, limit=3)
    hello = world.envelope("Hello")
    world.channel.outcomes.append(Lands(AmbiguousPost("cut")))
    assert world.handle(hello) == HandBack(world.settings.settle)
    world.clock.advance(world.settings.settle + 1)
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["aaa", "bbb"]
    assert world.turn(hello).posted == ("p1", "p2")


def test_messenger_posts_what_is_absent_from_the_read_back() -> None:
    world = World("Hi.", settling=Settling.READ_BACK)
    hello = world.envelope("Hello")
    world.channel.outcomes.append(AmbiguousPost("cut"))
    world.handle(hello)
    world.clock.advance(world.settings.settle + 1)
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["Hi."]


def test_the_same_words_of_an_earlier_turn_do_not_count_in_a_read_back() -> None:
    world = World("Yes.", "Yes.", settling=Settling.READ_BACK)
    first, second = world.envelope("Sure?"), world.envelope("Really?")
    world.handle(first)
    world.channel.outcomes.append(AmbiguousPost("cut"))
    world.handle(second)
    world.clock.advance(world.settings.settle + 1)
    assert world.handle(second, receive_count=2) == Done()
    assert world.channel.received == ["Yes.", "Yes."]


def test_a_read_back_that_fails_leaves_the_turn_open() -> None:
    world = World("Hi.", settling=Settling.READ_BACK)
    hello = world.envelope("Hello")
    world.channel.outcomes.append(Lands(AmbiguousPost("cut")))
    world.handle(hello)
    world.clock.advance(world.settings.settle + 1)
    world.channel.read_back_error = PostRefused("rate", retry_after=6)
    assert world.handle(hello, receive_count=2) == HandBack(6)
    assert world.state(hello) is State.SENDING
    world.channel.read_back_error = None
    world.clock.advance(7)
    assert world.handle(hello, receive_count=3) == Done()
    assert world.channel.received == ["Hi."]


@pytest.mark.parametrize("lands", [True, False])
def test_an_ambiguous_post_is_settled_after_settle(lands: bool) -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    cut = AmbiguousPost("cut")
    world.channel.outcomes.append(Lands(cut) if lands else cut)
    assert world.handle(hello) == HandBack(world.settings.settle)
    claim = world.turn(hello).claim
    assert claim is not None
    assert claim.ends_at == world.clock() + world.settings.settle * 1000
    assert world.handle(hello, receive_count=2) == HandBack(world.settings.settle)


def test_a_claim_outlives_the_invocation_by_settle() -> None:
    world = World()
    hello = world.envelope("Hello")
    crash_at(world, "mark_delivered", "before")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    claim = world.turn(hello).claim
    assert claim is not None
    assert claim.ends_at == world.clock() + (INVOCATION + world.settings.settle) * 1000


def test_a_put_that_the_sdk_repeats_meets_itself() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    put = world.history.put

    def put_twice(turn: Turn) -> None:
        put(turn)
        put(turn)

    world.history.put = put_twice  # type: ignore[method-assign]
    assert world.handle(hello) == Done()
    assert world.channel.received == ["Hi."]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["put", "take_over", "mark_delivered"])
def test_a_write_that_was_refused_or_whose_answer_was_lost_is_made_again(
    step: str, moment: str
) -> None:
    """Otherwise the record would return to the queue and wait for a claim that no worker uses."""
    world = World("Hi.")
    hello = world.envelope("Hello")
    if step == "take_over":
        stored(world, hello, State.ANSWERED)
    crash_at(world, step, moment, HistoryUnavailable)
    assert world.handle(hello) == Done()
    assert len(world.model.prompts) == 1
    assert world.channel.received == ["Hi."]
    assert world.state(hello) is State.DELIVERED


def test_no_write_is_made_again_when_its_time_is_short() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")

    def late(name: str, when: str) -> None:
        if name == "put":
            world.clock.advance(INVOCATION - world.settings.post_timeout)
            raise HistoryUnavailable("throttled")

    world.history.fault = late
    assert isinstance(world.handle(hello), HandBack)
    assert world.history.calls["put"] == 1


def test_the_loser_of_the_put_follows_the_winners_turn() -> None:
    world = World("mine")
    hello = world.envelope("Hello")
    other = World("theirs")
    other.clock = world.clock
    other.history.turns = world.history.turns

    real_put = world.history.put

    def put_late(turn: Turn) -> None:
        other.handle(hello)
        real_put(turn)

    world.history.put = put_late  # type: ignore[method-assign]
    assert world.handle(hello) == Done()
    assert (world.channel.received, other.channel.received) == ([], ["theirs"])


def test_the_loser_of_the_put_waits_for_a_winner_that_still_posts() -> None:
    world = World("mine")
    hello = world.envelope("Hello")
    real_put = world.history.put

    def put_late(turn: Turn) -> None:
        real_put(replace(turn, claim=Claim("quicker", world.clock() + 9000)))
        real_put(turn)

    world.history.put = put_late  # type: ignore[method-assign]
    assert world.handle(hello) == HandBack(9)
    assert world.channel.received == []


def test_the_loser_of_a_take_over_reads_again_and_waits() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    turn = stored(world, hello, State.ANSWERED)
    real = world.history.take_over

    def late(found: Turn, claim: Claim, now: int) -> Turn:
        real(turn, Claim("quicker", world.clock() + 9000), now)
        return real(found, claim, now)

    world.history.take_over = late  # type: ignore[method-assign]
    assert world.handle(hello, receive_count=2) == HandBack(9)
    assert world.channel.received == []


def test_delivered_is_insisted_on_and_then_acknowledged() -> None:
    world = World("Hi.", "Again.")
    hello, more = world.envelope("Hello"), world.envelope("More")

    def refuse(name: str, when: str) -> None:
        if name == "mark_delivered":
            raise HistoryUnavailable("throttled")

    world.history.fault = refuse
    assert world.handle(hello) == Done()
    assert world.history.calls["mark_delivered"] > 1
    assert world.state(hello) is State.SENDING
    world.history.fault = lambda *_: None
    world.clock.advance(INVOCATION + world.settings.settle + 1)
    assert world.handle(more) == Done()
    assert world.state(hello) is State.DELIVERED
    assert world.channel.received == ["Hi.", "Again."]


def test_progress_that_could_not_be_written_is_mended_by_the_next_part() -> None:
    world = World("aaabbbccc", limit=3)
    hello = world.envelope("Hello")
    refused = 0

    def refuse(name: str, when: str) -> None:
        nonlocal refused
        if name == "save" and refused < 4:
            refused += 1
            raise HistoryUnavailable("throttled")

    world.history.fault = refuse
    world.channel.outcomes.extend([None, None, AmbiguousPost("cut")])
    assert isinstance(world.handle(hello), HandBack)
    assert world.turn(hello).posted == ("p1", "p2")


def test_each_part_is_recorded_as_it_is_posted() -> None:
    world = World("aaabbbccc", limit=3)
    hello = world.envelope("Hello")
    world.channel.outcomes.extend([None, None, PostRefused("429", retry_after=120)])
    assert world.handle(hello) == HandBack(120)
    assert (world.state(hello), world.turn(hello).posted) == (
        State.ANSWERED,
        ("p1", "p2"),
    )
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["aaa", "bbb", "ccc"]


def test_a_short_retry_after_is_waited_for() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    began = world.clock()
    world.channel.outcomes.append(PostRefused("429", retry_after=5))
    assert world.handle(hello) == Done()
    assert world.clock() - began == 5000
    assert world.channel.received == ["Hi."]


def test_without_time_for_a_post_the_answer_is_kept_and_handed_back() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    real = world.history.put

    def slow(turn: Turn) -> None:
        real(turn)
        world.clock.advance(INVOCATION - world.settings.post_timeout - 2)

    world.history.put = slow  # type: ignore[method-assign]
    assert world.handle(hello) == HandBack(0)
    assert (world.state(hello), world.channel.received) == (State.ANSWERED, [])
    assert world.handle(hello, receive_count=2) == Done()
    assert (len(world.model.prompts), world.channel.received) == (1, ["Hi."])


def test_undeliverable_is_acknowledged_and_counted() -> None:
    world = World()
    hello = world.envelope("Hello")
    world.channel.outcomes.append(Undeliverable("blocked"))
    assert world.handle(hello) == Done()
    assert world.state(hello) is State.UNDELIVERABLE
    assert world.journal.counted("Undeliverable") == 1


def test_a_refused_token_is_logged_retried_and_ends_in_the_dead_letters() -> None:
    world = World("Hi.")
    hello = world.envelope("Hello")
    world.channel.outcomes.append(CredentialRefused("401"))
    assert world.handle(hello) == HandBack(world.settings.retry_delay)
    assert (world.credentials_refused, world.journal.counted("CredentialRefused")) == (
        1,
        1,
    )
    world.channel.outcomes.append(CredentialRefused("401"))
    age = world.settings.give_up_after + 1
    world.clock.advance(age)
    assert world.handle(hello, receive_count=9, age=age) == DeadLetter("credential")
    assert world.handle(hello, receive_count=1) == Done()
    assert (len(world.model.prompts), world.channel.received) == (1, ["Hi."])


def test_delays_grow_up_to_the_longest() -> None:
    world = World(*[ModelUnavailable("503")] * 9)
    hello = world.envelope("Hello")
    delays: list[float] = []
    for count in range(1, 9):
        outcome = world.handle(hello, receive_count=count, age=sum(delays))
        assert isinstance(outcome, HandBack)
        delays.append(outcome.delay)
        world.clock.advance(outcome.delay)
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]


def test_a_named_retry_after_is_kept() -> None:
    world = World(ModelUnavailable("429", retry_after=11))
    assert world.handle(world.envelope("Hello")) == HandBack(11)


class Converting:
    """A platform's conversion, which ends the worker when it `kills`, and marks what is plain."""

    def __init__(self, world: World, kills: bool) -> None:
        self.kills = kills
        self.world = world
        world.channel.split = self.split  # type: ignore[method-assign]

    def split(self, reply: Reply) -> list[Part]:
        if self.kills and not reply.plain:
            raise ProcessEnded
        mark = "plain" if reply.plain else "formatted"
        return [Part(f"{mark} {word}") for word in reply.text.split()]


SETTLINGS = [Settling.OPERATOR, Settling.READ_BACK]


@pytest.mark.parametrize("settling", SETTLINGS)
def test_an_answer_whose_conversion_ended_the_worker_is_posted_plain(settling: Settling) -> None:
    world = World("one two", settling=settling)
    Converting(world, kills=True)
    hello = world.envelope("Hello")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    assert world.state(hello) is State.SENDING
    world.clock.advance(INVOCATION + 21)
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["plain one", "plain two"]
    assert world.turn(hello).reply.plain
    assert len(world.model.prompts) == 1


@pytest.mark.parametrize("settling", SETTLINGS)
def test_a_turn_once_plain_stays_plain_so_that_its_parts_stay_the_same(settling: Settling) -> None:
    world = World("one two three", settling=settling)
    Converting(world, kills=True)
    hello = world.envelope("Hello")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    world.clock.advance(INVOCATION + 21)
    world.channel.outcomes.extend([None, Lands(ProcessEnded())])  # type: ignore[arg-type]
    with pytest.raises(ProcessEnded):
        world.handle(hello, receive_count=2)
    world.clock.advance(INVOCATION + 21)
    assert world.handle(hello, receive_count=3) == Done()
    again = ["plain two"] if settling is Settling.OPERATOR else []
    assert world.channel.received == ["plain one", "plain two", *again, "plain three"]


def test_a_first_part_that_arrived_before_the_crash_is_found_in_its_form() -> None:
    """It was converted without harm: read back as plain, it would not be found, but said twice."""
    world = World("one two", settling=Settling.READ_BACK)
    Converting(world, kills=False)
    hello = world.envelope("Hello")
    world.channel.outcomes.append(Lands(ProcessEnded()))  # type: ignore[arg-type]
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    world.clock.advance(INVOCATION + 21)
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["formatted one", "formatted two"]
    assert not world.turn(hello).reply.plain


@pytest.mark.parametrize("settling", SETTLINGS)
@pytest.mark.parametrize("posted", [0, 1])
def test_what_was_converted_without_harm_keeps_its_form(settling: Settling, posted: int) -> None:
    """After a refused post the turn is `answered`; after a recorded one its parts must go on."""
    world = World("one two", settling=settling)
    Converting(world, kills=False)
    hello = world.envelope("Hello")
    world.channel.outcomes.extend([*[None] * posted, *[PostRefused("429")] * 3])
    assert isinstance(world.handle(hello), HandBack)
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["formatted one", "formatted two"]


@pytest.mark.parametrize("settling", SETTLINGS)
def test_a_crash_after_a_recorded_part_changes_no_form(settling: Settling) -> None:
    world = World("one two", settling=settling)
    Converting(world, kills=False)
    hello = world.envelope("Hello")
    crash_at(world, "save", "after")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    world.clock.advance(INVOCATION + 21)
    assert world.handle(hello, receive_count=2) == Done()
    assert world.channel.received == ["formatted one", "formatted two"]


class Page:
    """The web page's conversion, which ends the worker when it `kills`, and counts its texts."""

    def __init__(self, world: World, kills: bool) -> None:
        self.kills = kills
        self.converted: list[str] = []
        world.channel.split = lambda reply: []  # type: ignore[method-assign]
        world.channel.html_of = self.html_of  # type: ignore[method-assign]

    def html_of(self, reply: Reply) -> str:
        if reply.plain:
            return ""
        self.converted.append(reply.text)
        if self.kills:
            raise ProcessEnded
        return f"<p>{reply.text}</p>"


def on_the_page(kills: bool, *script: str) -> tuple[World, Page]:
    world = World(*script, settling=Settling.NOTHING_TO_POST)
    return world, Page(world, kills)


def test_the_html_is_stored_by_the_write_that_says_delivered() -> None:
    world, page = on_the_page(False, "Hi.")
    hello = world.envelope("Hello")
    stored_without: list[str] = []
    world.history.fault = lambda step, when: (
        stored_without.append(world.turn(hello).html) if (step, when) == ("put", "after") else None
    )
    assert world.handle(hello) == Done()
    assert stored_without == [""]
    assert (world.turn(hello).html, world.state(hello)) == ("<p>Hi.</p>", State.DELIVERED)
    assert (world.history.calls["put"], world.history.calls["mark_delivered"]) == (1, 1)
    assert page.converted == ["Hi."]


def test_a_conversion_for_the_page_that_ends_the_worker_costs_no_paid_answer() -> None:
    world, page = on_the_page(True, "Hi.")
    hello = world.envelope("Hello")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    assert (world.turn(hello).reply.text, world.state(hello)) == ("Hi.", State.SENDING)
    world.clock.advance(INVOCATION + 21)
    assert world.handle(hello, receive_count=2) == Done()
    assert (world.turn(hello).html, world.state(hello)) == ("", State.DELIVERED)
    assert world.turn(hello).reply.plain  # the page does not convert it either
    assert page.converted == ["Hi."]
    assert len(world.model.prompts) == 1


def test_an_answer_that_was_never_converted_is_converted_by_the_next_delivery() -> None:
    """The table accepted the turn, but its response was lost, and the record was handed back."""
    world, page = on_the_page(False, "Hi.")
    hello = world.envelope("Hello")
    stored(world, hello, State.SENDING, claim=over(world), html="")
    world.history.note_try(hello.key, None, Tries(-1, 1, 1))
    page.converted.clear()
    assert world.handle(hello, receive_count=2) == Done()
    assert (world.turn(hello).html, world.turn(hello).reply.plain) == ("<p>Hi.</p>", False)
    assert page.converted == ["Hi."]


def test_a_post_that_may_have_arrived_is_repeated_in_the_same_form() -> None:
    """Nothing died: the conversion did no harm."""
    world = World("one two")
    Converting(world, kills=False)
    hello = world.envelope("Hello")
    world.channel.outcomes.append(AmbiguousPost("500"))
    begun = world.clock()
    outcome = world.handle(hello)
    assert isinstance(outcome, HandBack)
    world.clock.advance(outcome.delay + 1)
    age = (world.clock() - begun) / 1000
    assert world.handle(hello, receive_count=2, age=age) == Done()
    assert world.channel.received == ["formatted one", "formatted two"]


def test_a_receive_that_no_worker_saw_may_have_been_a_death_of_the_conversion() -> None:
    """Handed back since or not: that delivery need not have come to the conversion."""
    world = World("one two")
    Converting(world, kills=False)
    hello = world.envelope("Hello")
    world.channel.outcomes.append(AmbiguousPost("500"))
    outcome = world.handle(hello, receive_count=2)
    assert isinstance(outcome, HandBack)
    world.clock.advance(outcome.delay + 1)
    assert world.handle(hello, receive_count=3) == Done()
    assert world.channel.received == ["plain one", "plain two"]


def test_a_text_of_our_own_keeps_its_form() -> None:
    """It is short, and its backslashes would be seen."""
    world = World()
    Converting(world, kills=False)
    hello = world.envelope("/help")
    crash_at(world, "put", "after")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    world.clock.advance(INVOCATION + 21)
    assert world.handle(hello, receive_count=2) == Done()
    assert {text.split()[0] for text in world.channel.received} == {"formatted"}


def test_an_inbox_that_cannot_be_read_leaves_the_form_open() -> None:
    world = World("one two", settling=Settling.READ_BACK)
    Converting(world, kills=True)
    hello = world.envelope("Hello")
    with pytest.raises(ProcessEnded):
        world.handle(hello)
    world.clock.advance(INVOCATION + 21)
    world.channel.read_back_error = PostRefused("down")
    assert isinstance(world.handle(hello, receive_count=2), HandBack)
    assert not world.turn(hello).reply.plain
    world.channel.read_back_error = None
    assert world.handle(hello, receive_count=3) == Done()
    assert world.channel.received == ["plain one", "plain two"]
