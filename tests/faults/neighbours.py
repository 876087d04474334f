"""Cases in which one conversation ends every worker that handles it, beside three strangers.

The four of them share a batch. Each stranger must get one answer of the model, and is late by one
lease and its own answer; the conversation that kills gets the fallback in the end.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from local.stack import Stack
from local.standins.faults import Fault
from tests.faults import cases, processes
from tests.faults.bill import bill_of
from tests.faults.calls import Then
from tests.faults.cases import Case
from tests.faults.finding import PATIENCE, Finding
from tests.faults.lanes import Lanes
from tests.faults.talk import Talk

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

STRANGERS = 3
LIVES = 4
"""Deliveries of the message that kills, of which the last one posts the fallback."""
_UNTIL_DEATH = 1.0  # seconds: the strangers' prompts have been sent by then
_SLOW = 2.5  # seconds of a stranger's answers, so that no one is done before a death beside them
_BLOWS = {
    cases.BY_MEMORY: processes.kill,  # as the kernel does where memory runs out
    cases.BY_TIME: processes.freeze,
    cases.BY_CRASH: processes.crash,
}


def run_neighbours(case: Case, stack: Stack) -> Finding:
    """Run a case of the boundary NEIGHBOUR, and judge it."""
    killer = Talk(stack, case.channel, long=0)
    strangers = [Talk(stack, case.channel, long=0) for _ in range(STRANGERS)]
    blow = Fault(
        "hang_up_before",
        match="chat/completions",
        contains=killer.text(1),
        times=0,
        delay_s=_UNTIL_DEATH,
        then=partial(_strike, _BLOWS[case.fault]),
    )
    slow = [
        Fault("slow", match="chat/completions", contains=talk.text(1), delay_s=_SLOW, times=0)
        for talk in strangers
    ]
    stack.openai.faults.add(blow, *slow)
    lanes = cast(Lanes, stack.poller)
    lanes.share([talk.conversation for talk in (killer, *strangers)])
    began = time.monotonic()
    for talk in (killer, *strangers):
        talk.say()
    late = [_answered_after(talk, began) for talk in strangers]
    killer.until(killer.delivered, LIVES * PATIENCE)
    finding = _judged(case, killer, strangers, max(late))
    deaths = sum(fired.fault is blow for fired in stack.openai.faults.fired)
    if finding.good and deaths == LIVES - 1:
        return finding
    said = [[turn["origin"] for turn in talk.turns()] for talk in (killer, *strangers)]
    return replace(finding, fired=deaths == LIVES - 1, note=f"{said}, {deaths} deaths")


def _strike(blow: Then, environ: WSGIEnvironment) -> None:
    with suppress(processes.Gone):
        blow(environ)


def _answered_after(talk: Talk, began: float) -> float:
    talk.until(lambda: talk.answered(1), 2 * PATIENCE)
    return time.monotonic() - began


def _judged(case: Case, killer: Talk, strangers: list[Talk], late: float) -> Finding:
    everybody = [killer, *strangers]
    for talk in strangers:
        talk.until(talk.delivered, PATIENCE)
    origins = [[str(turn["origin"]) for turn in talk.turns()] for talk in everybody]
    replies = [[str(turn["reply"]) for turn in talk.turns()] for talk in everybody]
    texts = replies if case.channel == "web" else [talk.texts() for talk in everybody]
    bills = [bill_of(talk.stack.recorder, talk.tag) for talk in everybody]
    asked_again = max(bill.most_requests for bill in bills[1:]) > 1
    return Finding(
        sent=len(everybody),
        received=sum(map(len, texts)),
        model_calls=sum(sum(bill.requests.values()) for bill in bills),
        fired=True,
        lost=texts != replies or origins != [["fallback"], *[["model"]] * STRANGERS],
        doubled=any(len(each) > 1 for each in texts),
        stuck=not all(talk.delivered() for talk in everybody),
        most_paid=max(bill.most_paid for bill in bills),
        most_requests=max(bill.most_requests for bill in bills),
        excepted=("a neighbour ended the worker while the model answered",) if asked_again else (),
        late=late,
    )
