"""Webhook and worker under generated and damaged requests, the adapter under odd answers.

FUZZ_CASES is the number of cases, FUZZ_SEED repeats a run, FUZZ_CASE runs one case of it.
"""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import replace

import pytest

from tests.fuzz import answers, telegram
from tests.fuzz.bench import Bench, Broken
from tests.fuzz.cases import Case, case

CASES = 2_000
STEP = 5_000


def now() -> int:
    return time.time_ns() // 1_000_000


def chosen() -> tuple[str | None, int, str]:
    """The only case to run, if one is named, the number of cases, and the seed."""
    only, cases = os.environ.get("FUZZ_CASE"), int(os.environ.get("FUZZ_CASES", CASES))
    # The gate must not fail by chance: only the long run looks for what is new each time.
    fresh = str(random.SystemRandom().randrange(10**9)) if cases > CASES else "1"
    return only, cases, os.environ.get("FUZZ_SEED") or fresh


@pytest.mark.long
def test_no_answer_that_is_complete_is_asked_for_twice() -> None:
    only, cases, seed = chosen()
    _say(f"FUZZ_SEED={seed}: {cases} answers")

    def told(number: int) -> None:
        if (number + 1) % STEP == 0:
            _say(f"{number + 1} answers")

    outcomes = answers.run_all(seed, [int(only)] if only else range(cases), told)
    _say(f"held; read as: {outcomes}")
    if not only:
        assert outcomes.keys() == {"answer", "cut", "UselessAnswer", "ModelUnavailable"}
        assert min(outcomes.values()) > cases / 100


@pytest.mark.parametrize(
    ("broken", "property_"),
    [
        ("chatbot.adapters.openai.ends.Ending.complete", "a complete answer"),
        ("chatbot.adapters.openai.thinking.Separator.feed", "a complete answer"),
        ("chatbot.adapters.openai.reading.Answer._count", "a complete answer"),
    ],
)
def test_the_fuzz_of_answers_notices(
    broken: str, property_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken, lambda *arguments, **options: None)
    with pytest.raises(Broken, match=property_):
        answers.run_all("1", range(300), lambda number: None)


@pytest.mark.long
def test_no_request_breaks_webhook_or_worker() -> None:
    only, cases, seed = chosen()
    bench = Bench(now())
    _say(f"FUZZ_SEED={seed}: {cases} cases")
    for number in [int(only)] if only else range(cases):
        one = case(seed, number, now())
        try:
            bench.run(one)
        except Exception as broken:
            again = f"FUZZ_SEED={seed} FUZZ_CASE={number}"
            raise Broken(f"{again} ({one.channel} {one.what}): {broken!r}\n{one}") from broken
        if (number + 1) % STEP == 0:
            _say(f"{number + 1} cases, {bench.sent} events reached the worker")
    _say(f"held; answered: {bench.outcomes}")
    if not only:
        _covered(bench)


def _say(line: str) -> None:
    """Print progress, as the long run takes minutes; pytest shows it with -s."""
    sys.stderr.write(line + "\n")


def _covered(bench: Bench) -> None:
    """Check that the generator covers what it claims to."""
    updates = telegram.updates()
    message = set(updates.optional("Message"))
    assert {field for name, field in updates.made if name == "Message"} == message
    for outcome in ("authentic 200", "forged 401"):
        assert bench.outcomes[f"telegram {outcome}"]
        assert bench.outcomes[f"messenger {outcome}"]
    for status in ("authentic 202", "authentic 400", "forged 401", "forged 403"):
        assert bench.outcomes[f"web {status}"]
    assert bench.sent > sum(bench.outcomes.values()) / 4


def test_every_kind_of_update_is_made() -> None:
    updates = telegram.Updates()
    rng = random.Random(1)
    made = [updates.update(rng, number) for number in range(4 * len(updates.kinds))]
    kinds = {name for update in made for name in update} - {"update_id"}
    assert kinds == set(updates.kinds)


def taken(channel: str) -> Case:
    """A simple case that leads to an answer."""
    bench = Bench(now())
    for number in range(1_000):
        one = case("plain", number, now())
        if one.channel == channel and one.documented and one.authentic:
            bench.run(one)
            if bench.sent:
                return one
    raise AssertionError(f"no {channel} case")


@pytest.mark.parametrize("channel", ["telegram", "messenger", "web"])
def test_the_bench_notices(channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one = taken(channel)
    forged = replace(one, authentic=False)
    with pytest.raises(Broken, match="a forgery is refused"):
        Bench(now()).run(forged)
    monkeypatch.setattr("chatbot.conversation.record.resolve_pointer", None)
    with pytest.raises(Broken, match="the worker ends with HandBack"):
        Bench(now()).run(one)
    monkeypatch.setattr("chatbot.bootstrap.webhook.handle", None)
    with pytest.raises(Broken, match="500"):
        Bench(now()).run(one)
