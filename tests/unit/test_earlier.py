"""For a conversation without turns, the platform's own history becomes its history."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from chatbot.core.errors import HistoryUnavailable, PostRefused
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Message
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Origin, Reply, State, Turn
from chatbot.core.work import Done, HandBack
from tests.fakes.clock import NOON
from tests.world import CONVERSATION, World


def earlier_turn(number: int, text: str, origin: Origin) -> Turn:
    key = TurnKey.of(CONVERSATION, NOON - 2_000_000 + number, f"m{number}:read")
    author, state = Author("7"), State.DELIVERED
    return Turn(key, "messenger", author, text, Reply(""), state, origin)


FOUND = (earlier_turn(1, "Open?", Origin.MODEL), earlier_turn(2, "At nine.", Origin.STAFF))


class Telling(World):
    """A channel with an earlier conversation; `asked` counts how often it was read."""

    def __init__(
        self, *script: str | Exception, refusal: Exception | None = None, **settings: str
    ) -> None:
        super().__init__(*script, **settings)  # type: ignore[arg-type]
        self.asked = 0
        self.refusal = refusal
        self.channel.earlier = self.earlier  # type: ignore[method-assign]

    def earlier(self, message: Message, most: int) -> Sequence[Turn]:
        self.asked += 1
        if self.refusal:
            raise self.refusal
        return FOUND


def test_the_first_prompt_and_those_after_it_show_it() -> None:
    world = Telling("A", "B")
    for text in ("Hello", "And now?"):
        assert world.handle(world.envelope(text)) == Done()
    before = [("user", "Open?"), ("assistant", "At nine.")]
    shown = [[(line.role, line.content) for line in prompt[1:]] for prompt in world.model.prompts]
    assert shown[0] == [*before, ("user", "Hello")]
    assert shown[1] == [*before, ("user", "Hello"), ("assistant", "A"), ("user", "And now?")]
    assert world.asked == 1
    assert world.history.all(CONVERSATION)[:2] == [*FOUND]


def test_when_nobody_tells_the_answer_goes_on_without() -> None:
    world = Telling("A", refusal=PostRefused("status 500"))
    assert world.handle(world.envelope("Hello")) == Done()
    assert world.channel.received == ["A"]
    assert [name for name, _ in world.journal.warnings] == ["earlier_messages_unavailable"]


def test_what_is_stored_already_is_no_hindrance() -> None:
    world = Telling("A")
    world.history.put_all(FOUND)
    window = world.history.read(CONVERSATION, 0)
    world.history.read = lambda conversation, turns: type(window)(  # type: ignore[method-assign]
        ConversationProfile(), (), complete=True
    )
    assert world.handle(world.envelope("Hello")) == Done()
    assert [line.content for line in world.model.prompts[0][1:]] == ["Open?", "At nine.", "Hello"]


def test_an_unavailable_table_returns_the_record() -> None:
    world = Telling("A")

    def away(step: str, moment: str) -> None:
        if step == "put_all":
            raise HistoryUnavailable("throttled")

    world.history.fault = away
    assert world.handle(world.envelope("Hello")) == HandBack(1)


def test_what_was_forgotten_is_not_read_again() -> None:
    world = Telling("A")
    world.history.persons[CONVERSATION] = ConversationProfile(
        forgotten_before="turn#0000000000001#x"
    )
    assert world.handle(world.envelope("Hello")) == Done()
    assert world.asked == 0


@pytest.mark.parametrize("text", ["Hello", "/start"])
def test_who_may_not_talk_costs_no_call(text: str) -> None:
    world = Telling("A", access="allowlist")
    assert world.handle(world.envelope(text)) == Done()
    assert world.asked == 0
