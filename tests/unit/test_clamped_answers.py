"""What a model server sends is clamped before it is stored, whatever it is."""

from __future__ import annotations

import pytest

from chatbot.adapters.dynamodb.codec import turn_to_item
from chatbot.adapters.dynamodb.fitting import fitted
from chatbot.adapters.openai.events import read_events
from chatbot.adapters.openai.reading import Answer, read_answer
from chatbot.core.completion import Completion
from chatbot.core.files import File
from chatbot.core.limits import (
    LONGEST_ANSWER,
    LONGEST_MODEL_NAME,
    LONGEST_TRANSCRIPT,
    MOST_TOKENS,
)
from chatbot.core.text import storable
from chatbot.core.turn import Turn
from tests.world import World


def turn_of(completion: Completion) -> Turn:
    world = World(completion)
    envelope = world.envelope("Hello")
    world.handle(envelope)
    return world.turn(envelope)


def test_a_huge_answer_is_cut_once_and_stored_as_it_is_posted() -> None:
    turn = turn_of(Completion("👍 word " * 100_000, "model"))
    assert LONGEST_ANSWER <= len(turn.reply.text) <= LONGEST_ANSWER + 1
    assert turn.reply.text.endswith("…")
    # Every attempt splits the same text into the same posts.
    assert fitted(turn).reply == turn.reply


def test_an_answer_of_the_greatest_length_is_not_cut() -> None:
    assert turn_of(Completion("a" * LONGEST_ANSWER, "model")).reply.text == "a" * LONGEST_ANSWER


def test_a_name_of_half_a_megabyte_is_cut() -> None:
    turn = turn_of(Completion("Fine.", "m\0\ud800" * 200_000))
    assert len(turn.usage.model) == LONGEST_MODEL_NAME
    turn.usage.model.encode()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(10**400, MOST_TOKENS), (-(10**400), 0), (-1, 0), (7, 7), (MOST_TOKENS + 1, MOST_TOKENS)],
)
def test_counts_of_tokens_have_a_range(sent: int, kept: int) -> None:
    turn = turn_of(Completion("Fine.", "model", tokens_in=sent, tokens_out=sent))
    assert (turn.usage.tokens_in, turn.usage.tokens_out) == (kept, kept)
    assert all(len(value.get("N", "")) <= 38 for value in turn_to_item(turn).values())


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("a\ud83d b", "a\ufffd b"),
        ("a\ude00", "a\ufffd"),
        ("é\0\ud800é", "é\ufffd\ufffdé"),
        ("a\tb\r\n\x07", "a\tb\r\n\x07"),
        ("😀é", "😀é"),
    ],
)
def test_what_cannot_be_stored_is_replaced(sent: str, kept: str) -> None:
    assert storable(sent) == kept
    assert turn_of(Completion(f"x {sent} y", "model")).reply.text == f"x {kept} y"


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "1e999", "9" * 4_000])
def test_a_count_of_thousands_of_digits_does_not_cost_the_answer(number: str) -> None:
    usage = f'"usage": {{"prompt_tokens": {number}, "completion_tokens": {number}}}'
    choice = '"choices": [{"message": {"content": "Fine."}, "finish_reason": "stop"}]'
    answer = Answer("model")
    body = f'{{"created": {number}, {choice}, {usage}}}'.encode()
    assert read_answer(read_events([body]), answer, lambda text: True, lambda left: None) is None
    completion = answer.completion("")
    assert (completion.text, completion.tokens_in) == ("Fine.", 0)
    stream = f"data: {{{choice.replace('message', 'delta')}, {usage}}}\n\n".encode()
    answer = Answer("model")
    read_answer(read_events([stream]), answer, lambda text: True, lambda left: None)
    assert answer.completion("").text == "Fine."


def test_a_huge_transcript_is_cut() -> None:
    world = World(max_input=1_000_000)
    words = ("a\0" + "b" * 998) * 400
    world.channel.files["v"] = File(words.encode(), "audio/ogg")
    envelope = world.envelope("[recording]", media=[["audio", "v", 7, ""]])
    world.handle(envelope)
    [*_, question] = world.model.prompts[0]
    assert len(question.content) == LONGEST_TRANSCRIPT
    assert question.content.startswith("a\ufffdb")
