"""Cases in which the model server says something odd, refuses, or says nothing of use.

Their verdict comes from the table: whatever the model said, the posts must be what is stored there.
What it says is what real servers say: `local/standins/shapes.py` and `refusals.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

from chatbot.core.translations import sentences
from local.stack import Stack
from local.standins.faults import Fault
from local.standins.refusals import REFUSALS
from local.standins.shapes import body_of
from tests.faults import cases, processes, story
from tests.faults.bill import bill_of
from tests.faults.cases import Case
from tests.faults.finding import PATIENCE, Finding
from tests.faults.lanes import Lanes
from tests.faults.talk import Talk

SECOND_MODEL = "second-model"
SETTINGS = {"OPENAI_FALLBACK_MODELS": SECOND_MODEL}
_PAID = {cases.USELESS_ONCE: 2, cases.USELESS: 3}  # once otherwise
_STREAM = "text/event-stream"


def run_answer(case: Case, stack: Stack) -> Finding:
    """Run a case of the boundary ANSWER, and judge it."""
    talk = Talk(stack, case.channel, long=0, merges=case.merged)
    _say_and_wait(talk)
    if case.fault == cases.PARAMETER:
        # A process remembers what the server has refused.
        processes.kill_idle("WorkerFunction", stack.servers["aws"].url)
        stack.invoke("WorkerFunction", {"Records": []})
    faults = list(_faults(case, talk))
    stack.openai.faults.add(*faults)
    lanes = cast(Lanes, stack.poller)
    with lanes.held(talk.conversation, 2) if case.merged else nullcontext():
        talk.say()
        talk.say()
    delivered = talk.until(talk.delivered, PATIENCE)
    _say_and_wait(talk)
    fired = all(any(hit.fault is fault for hit in stack.openai.faults.fired) for fault in faults)
    finding = _judged(case, talk, delivered, fired)
    if finding.good:
        return finding
    said = [f"{turn['origin']}: {turn['reply']}" for turn in talk.turns()]
    note = f"{said} {bill_of(stack.recorder, talk.tag)}"
    told = story.of(stack.recorder, talk.tag, talk.recipient)
    return replace(finding, note=note, story=told)


def _say_and_wait(talk: Talk) -> None:
    talk.say()
    talk.until(talk.delivered, PATIENCE)


def _judged(case: Case, talk: Talk, delivered: bool, fired: bool) -> Finding:
    turns = talk.turns()
    own = [turn for turn in turns if "leader" not in turn]
    replies = [str(turn["reply"]) for turn in own]
    texts = replies if case.channel == "web" else talk.texts()
    bill = bill_of(talk.stack.recorder, talk.tag)
    useless = {cases.HIT} if case.fault == cases.USELESS else set[int]()
    apart = case.fault in (cases.USELESS, cases.USELESS_ONCE)
    answered = case.merged and not apart
    right = [_is_right(case, talk, turn) for turn in own]
    fallbacks = {number for number, turn in enumerate(own, 1) if turn["origin"] == "fallback"}
    excepted = ("the answer was of no use",) if bill.most_paid > 1 else ()
    return Finding(
        sent=len(talk.sent),
        received=len(texts),
        model_calls=sum(bill.requests.values()),
        fired=fired,
        lost=not set(replies) <= set(texts) or not all(right) or fallbacks != useless,
        doubled=len(texts) > len(own) or len(own) != len(talk.sent) - answered,
        reordered=texts != replies,
        paid_twice=bill.most_paid > _PAID.get(case.fault, 1),
        stuck=not delivered or {turn["state"] for turn in turns} != {"delivered"},
        most_paid=bill.most_paid,
        most_requests=bill.most_requests,
        excepted=excepted,
    )


def _is_right(case: Case, talk: Talk, turn: dict[str, Any]) -> bool:
    """Whether a turn holds what the server said to its message, or the sentence in its place."""
    if not str(turn["text"]).startswith(f"{talk.tag}-{cases.HIT}"):
        return str(turn["origin"]) == "model"
    if case.fault == cases.USELESS:
        return str(turn["reply"]) == sentences("en")["useless"]
    if case.fault in (cases.ODD_BEFORE, cases.ODD_AFTER):
        return str(turn["reply"]) == _answer(talk)
    return str(turn["origin"]) == "model"


def _faults(case: Case, talk: Talk) -> Iterator[Fault]:
    """The rules for the prompt under test, which ends with the message, and of merged ones alone.

    Later prompts hold the same message, but not at their end.
    """
    alone = _end_of(talk.text(cases.HIT))
    asked = _end_of(f"{talk.text(cases.HIT)}\n{talk.text(cases.HIT + 1)}") if case.merged else alone
    rule: dict[str, Any] = {"match": "chat/completions", "contains": asked}
    said = Fault("malformed", **rule, content_type=_STREAM)
    match case.fault:
        case cases.USELESS_ONCE:
            yield replace(said, body=body_of("empty", ""))
        case cases.USELESS:
            yield replace(said, body=body_of("empty", ""), times=0)
            if case.merged:
                yield replace(said, body=body_of("empty", ""), contains=alone, times=0)
        case cases.ODD_BEFORE:
            yield replace(said, body=body_of("delta_missing", _answer(talk)))
        case cases.ODD_AFTER:
            yield replace(said, body=body_of("delta_null_after", _answer(talk)))
        case cases.NOT_HAD:
            yield REFUSALS["Groq: decommissioned"].fault(**rule)
        case cases.TOO_LONG:
            yield REFUSALS["vLLM: context length"].fault(**rule)
        case cases.PARAMETER:
            asks = {**rule, "contains": (asked, "stream_options")}
            yield REFUSALS["Azure: stream_options"].fault(**asks, times=0)


def _answer(talk: Talk) -> str:
    return f"This is said to {talk.tag} alone."


def _end_of(text: str) -> str:
    """How a prompt ends whose last message is `text`, as it is transmitted."""
    return json.dumps(text)[1:] + "}]"
