"""aimock's chaos, with a seed: whatever it does, a message has one answer at a bounded price."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from chatbot.core.completion import MOST_PAID, MOST_REQUESTS
from local.stack import Options, Stack
from local.standins.people import Person, Signer
from tests.e2e.chat import Chat, until
from tests.interop.aimock_server import KEY, AiMock, aimock
from tests.interop.asking import ask

TEXT = "All is well, *truly*."
SEED = 2026
RATES = {"drop": 0.25, "malformed": 0.2, "ratelimit": 0.2, "disconnect": 0.25}
FIXTURES = [{"match": {"userMessage": "message"}, "response": {"content": TEXT}, "chunkSize": 4}]
OPTIONS = [part for name, rate in RATES.items() for part in (f"--chaos-{name}", str(rate))]
KINDS = {"drop", "malformed", "rateLimit", "disconnect"}
MESSAGES = 60
PEOPLE = 8


def _outcomes(server: AiMock) -> list[tuple[tuple[str, str], int, int]]:
    found = []
    for number in range(MESSAGES):
        test = f"message-{number}"
        asked = ask(server.base_url(test), f"message {number}", openai_api_key=KEY)
        answered = [each for each in server.journal(test) if _complete(each)]
        assert len(answered) == (asked.error is None), "a complete answer is read, and asked once"
        assert asked.outcome[0] == "ModelUnavailable" or asked.text == TEXT
        assert asked.spending.requests <= 4
        assert asked.spending.paid <= 2
        found.append((asked.outcome, asked.spending.requests, asked.spending.paid))
    return found


def _complete(entry: dict[str, Any]) -> bool:
    return entry["response"]["status"] == 200 and "chaosAction" not in entry["response"]


def test_chaos_costs_no_complete_answer_and_no_more_than_the_bounds(tmp_path: Path) -> None:
    runs = []
    for name in ("first", "again"):
        folder = tmp_path / name
        folder.mkdir()
        with aimock(folder, FIXTURES, *OPTIONS, seed=SEED) as server:
            runs.append(_outcomes(server))
            actions = Counter(each["response"].get("chaosAction") for each in server.journal())
    assert actions.keys() == KINDS | {None}, "every kind of chaos happened"
    assert runs[0] == runs[1], "the seed makes a run repeatable"
    kinds = Counter(outcome[0] for outcome, _, _ in runs[0])
    assert kinds["answer"] > MESSAGES / 2
    assert kinds["ModelUnavailable"], "in some messages chaos won"


@pytest.mark.timeout(170)
def test_each_message_through_queue_and_worker_has_one_answer(tmp_path: Path) -> None:
    with aimock(tmp_path, FIXTURES, *OPTIONS, seed=SEED) as server:
        settings = {
            "OPENAI_BASE_URL": server.base_url(),
            "OPENAI_API_KEY": KEY,
            "RETRY_DELAY": "100ms",
            "SETTLE": "1s",
        }
        with Stack(Options(settings=settings)) as stack:
            signer = Signer(stack.settings)
            people = [Person(f"interop-{number}", signer) for number in range(PEOPLE)]
            for number, person in enumerate(people):
                sent = person.telegram(f"message number-{number}-")
                assert Chat(stack, person, "telegram").post(sent).ok
            for person in people:
                Chat(stack, person, "telegram").received(1)
            _wait_until_idle(stack)
            received = [Chat(stack, person, "telegram").received(1) for person in people]
        journal = server.journal()
    answered = 0
    for number, parts in enumerate(received):
        asked = [each for each in journal if f"number-{number}-" in _last_words(each)]
        complete = [each for each in asked if _complete(each)]
        paid = [each for each in asked if each["response"]["status"] == 200]
        assert len(parts) == 1, "one answer"
        assert len(complete) <= 1, "a complete answer is never asked for twice"
        assert ("All is well" in parts[0]) == bool(complete)
        assert len(paid) <= MOST_PAID
        assert len(asked) <= MOST_REQUESTS
        answered += len(complete)
    assert answered > PEOPLE / 2
    assert {each["response"].get("chaosAction") for each in journal} >= {None, "malformed", "drop"}


def _last_words(entry: dict[str, Any]) -> str:
    return str(entry["body"]["messages"][-1]["content"])


def _wait_until_idle(stack: Stack) -> None:
    """Wait until no message is queued or being handled."""

    def waiting() -> int:
        counts = stack.sqs.get_queue_attributes(
            QueueUrl=stack.queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(count) for count in counts["Attributes"].values())

    until(waiting, 0)
