"""How much time an attempt at a record has, and what happens when it cannot finish."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chatbot.conversation.attempt import (
    CLOSING,
    LEAST_MODEL_TIME,
    PATIENCE,
    Attempt,
    Deadline,
    time_needed,
)
from chatbot.core.settings import Seconds, Settings
from chatbot.core.work import HandBack, Record
from tests.fakes.clock import NOON, FakeClock

SETTINGS = Settings(
    post_timeout=Seconds(10),
    settle=Seconds(20),
    give_up_after=Seconds(900),
    retry_delay=Seconds(1),
    retry_delay_max=Seconds(30),
)


def attempt_of(clock: FakeClock, seconds: float = 60, receives: int = 1) -> Attempt:
    now = clock()
    record = Record("id", "receipt", "group", receives, now - 5000, "{}", now - 2000)
    return Attempt.at(record, Deadline(clock() + round(seconds * 1000), clock), SETTINGS)


def test_a_deadline_comes_nearer() -> None:
    clock = FakeClock()
    deadline = Deadline(NOON + 10_000, clock)
    clock.advance(4)
    assert deadline.left() == 6
    assert deadline.earlier(5).left() == 1
    assert (deadline.within(2).left(), deadline.within(60).left()) == (2, 6)
    clock.advance(7)
    assert deadline.left() == -1


def test_an_answer_leaves_time_to_store_and_post_it() -> None:
    attempt = attempt_of(FakeClock())
    assert attempt.answer_by.left() == 60 - 10 - 2 * CLOSING
    assert time_needed(SETTINGS) == 10 + 2 * CLOSING + LEAST_MODEL_TIME


def test_what_there_is_time_for() -> None:
    clock = FakeClock()
    least = time_needed(SETTINGS)
    assert attempt_of(clock, least).can_begin()
    assert not attempt_of(clock, least - 0.001).can_begin()
    post = 10 + CLOSING
    assert not attempt_of(clock, post).can_post()
    assert attempt_of(clock, post + 0.001).can_post()
    assert not attempt_of(clock, post + 1).can_post(pause=1)
    assert attempt_of(clock, 2 * post).can_write_again()
    assert not attempt_of(clock, 2 * post - 0.001).can_write_again()


def test_age_counts_from_the_queue_and_giving_up_from_the_first_receive() -> None:
    clock = FakeClock()
    attempt = attempt_of(clock)
    clock.advance(898)
    assert (attempt.age(), attempt.tried_for(), attempt.given_up()) == (903, 900, False)
    clock.advance(0.001)
    assert attempt.given_up()


@pytest.mark.parametrize(("receives", "delay"), [(1, 1), (2, 2), (5, 16), (6, 30), (5000, 30)])
def test_the_pause_grows_with_each_delivery(receives: int, delay: float) -> None:
    clock = FakeClock()
    attempt = attempt_of(clock, receives=receives)
    clock.advance(60)
    assert attempt.hand_back() == HandBack(delay)
    assert attempt.hand_back(retry_after=7) == HandBack(7)


@pytest.mark.parametrize(("tried_for", "delay"), [(0, 1), (1, 2), (3, 4), (15, 16), (60, 30)])
def test_the_pause_is_short_for_what_went_back_untried(tried_for: float, delay: float) -> None:
    """It was received often, and waited each time for the turn of another conversation."""
    clock = FakeClock()
    attempt = replace(attempt_of(clock, receives=9), since=clock())
    clock.advance(tried_for)
    assert attempt.hand_back() == HandBack(delay)


def test_an_attachment_is_waited_for_as_long_as_its_message_is_tried() -> None:
    clock = FakeClock()
    waited = replace(attempt_of(clock, receives=9), since=clock(), sent_at=clock() - 600_000)
    assert waited.can_wait()
    clock.advance(PATIENCE)
    assert not waited.can_wait()
    assert attempt_of(clock, receives=2).can_wait()


def test_a_claim_outlives_every_request_of_the_attempt() -> None:
    attempt = attempt_of(FakeClock())
    one, other = attempt.new_claim(), attempt.new_claim()
    assert one.ends_at == attempt.deadline.at + 20_000
    assert one.token != other.token
    assert replace(attempt, receive_count=2).new_claim().ends_at == one.ends_at
