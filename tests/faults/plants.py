"""Set up a case's fault in the stack, between two messages of its conversation."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from local.stack import Stack
from local.standins.faults import Fault, Faults
from tests.faults import cases, processes
from tests.faults.calls import FUNCTION, Call, Then, call_of, fault_of
from tests.faults.cases import Case
from tests.faults.lanes import Lanes, Way, group_of
from tests.faults.talk import Talk

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from mypy_boto3_sqs.type_defs import MessageTypeDef

REFUSED_SECONDS = 1.0
REFUSED_AT_MOST = 8.0
RIVAL_SECONDS = 1.5
NEIGHBOUR_SECONDS = 7.0
"""Longest time of the neighbour's model call. The first call gets three quarters of the time for
the model: 15 s of a worker's 28."""


class Plant:
    """The fault of one case.

    `before` sets it up, and is called before the message under test is sent. `fired` is whether it
    has occurred. `late` is whether a process that was to die had given up waiting for the response,
    as when the machine stalls: it dies at the next such call, perhaps about a later message.
    """

    def __init__(self, case: Case, talk: Talk) -> None:
        self.case = case
        self.talk = talk
        self.stack: Stack = talk.stack
        self.lanes = cast(Lanes, talk.stack.poller)
        self.companion: Talk | None = None
        self.late = False
        self._met = False
        self._struck = case.fault not in cases.DEATHS
        self._planted: list[tuple[Faults, Fault]] = []
        self._refusal: _Refusal | None = None
        self._last_record = 0

    def before(self) -> None:
        boundary, fault = self.case.at, self.case.fault
        self._last_record = self.stack.recorder.last
        self._lead()
        if boundary in FUNCTION:
            self._kill_idle(FUNCTION[boundary][0])
        if boundary == cases.DELETION and fault != cases.LOST:
            self._pair()
        if boundary == cases.RECEIVE or fault == cases.LOST:
            self._receive()
        elif fault == cases.REFUSED:
            self._refuse()
        elif boundary in (cases.LEASE, cases.DELETION):
            self.lanes.meet(self.talk.conversation, self._plant_on_receipt)
        else:
            self._plant(call_of(boundary, self.talk))
        if boundary in FUNCTION:
            self._absorb(FUNCTION[boundary][0])

    def fired(self) -> bool:
        if self._idle_killed:
            return any(
                record.operation == "WorkerFunction" and record.status != 200
                for record in self.stack.recorder.after(self._last_record)
            )
        if self._refusal:
            return self._refusal.fired()
        met = self._met or not self._meets
        planted = [any(f.fault is fault for f in faults.fired) for faults, fault in self._planted]
        return met and self._struck and all(planted) and (self._meets or bool(planted))

    @property
    def _idle_killed(self) -> bool:
        return (self.case.at, self.case.fault) == (cases.RECEIVE, cases.KILLED_BEFORE)

    @property
    def _meets(self) -> bool:
        """Whether the fault depends on the poller, that is on `Lanes.meet`."""
        return self.case.at in (cases.RECEIVE, cases.LEASE, cases.DELETION)

    def _lead(self) -> None:
        """Add the earlier faults without which the boundary is not reached."""
        if self.case.at == cases.READ_BACK:
            call = call_of(cases.FIRST, self.talk)
            self._add(call, Fault("hang_up_after", match=call.operation, contains=call.holds))
        if self.case.at == cases.LOOK:
            call = call_of(cases.KEPT, self.talk)
            fault = Fault("hang_up_after", match=call.operation, contains=call.holds, times=3)
            self._add(call, fault)
        if self.case.at == cases.TAKE_OVER or self.case.fault == cases.BATCH:
            self._refuse_posts()

    def _refuse_posts(self) -> None:
        """Have the batch's first record return to the queue.

        Its post is refused; on the web, where nothing is posted, the write of its turn.
        """
        call = call_of(cases.PUT if self.case.refused_put else cases.FIRST, self.talk)
        status = 500 if self.case.refused_put else 429
        fault = Fault("status", match=call.operation, contains=call.holds, status=status, times=3)
        self._add(call, fault)

    def _plant(self, call: Call) -> None:
        kill = partial(self._strike, call, processes.kill)
        freeze = partial(self._strike, call, processes.freeze)
        self._add(call, fault_of(self.case, call, kill, freeze, self._rival))

    def _strike(self, call: Call, blow: Then, environ: WSGIEnvironment) -> None:
        """Kill or freeze the caller. If it has given up waiting, do so at the next try."""
        try:
            blow(environ)
        except processes.Gone:
            self.late = True
            self._plant(replace(call, skip=0))
        else:
            self._struck = True

    def _kill_idle(self, function: str) -> None:
        processes.kill_idle(function, self.stack.servers["aws"].url)

    def _plant_on_receipt(self, messages: Sequence[MessageTypeDef]) -> Way:
        mine = [m for m in messages if group_of(m) == self.talk.conversation]
        self._plant(call_of(self.case.at, self.talk, mine[0]["ReceiptHandle"]))
        self._met = True
        return "as usual"

    def _add(self, call: Call, fault: Fault) -> None:
        faults = {
            "aws": self.stack.aws_faults,
            "telegram": self.stack.telegram.faults,
            "graph": self.stack.graph.faults,
            "openai": self.stack.openai.faults,
        }[call.server]
        self._planted.append((faults, fault))
        faults.add(fault)

    def _pair(self) -> None:
        """Put a slower conversation into the same batch.

        Only then does the worker itself delete the message under test, before the batch ends.
        """
        self.companion = Talk(self.stack, self.talk.channel, long=0)
        self.lanes.pair(self.talk.conversation, self.companion.conversation)
        words = self.companion.text(1)
        self.stack.openai.faults.add(Fault("slow", contains=words, then=self._linger))

    def _linger(self, environ: WSGIEnvironment) -> None:
        self.talk.until(self.fired, NEIGHBOUR_SECONDS)

    def _receive(self) -> None:
        if self.case.fault == cases.KILLED_BEFORE:
            self._kill_idle("WorkerFunction")
            return
        ways: dict[str, Way] = {cases.LOST: "never", cases.TWICE: "twice", cases.BATCH: "as usual"}
        way = "not deleted" if self.case.at == cases.DELETION else ways[self.case.fault]

        def meets(messages: Sequence[MessageTypeDef]) -> Way:
            self._met = self.case.fault != cases.BATCH or len(messages) > 1
            return way

        self.lanes.meet(self.talk.conversation, meets)

    def _refuse(self) -> None:
        """Refuse connections as soon as the step before got its response, for a short time."""
        boundary, talk = self.case.at, self.talk
        server = "aws" if boundary in FUNCTION else call_of(boundary, talk).server
        last = cases.PUT if talk.channel == "web" else cases.SECOND
        self._refusal = refusal = _Refusal(self.stack, server)
        step_before = {
            cases.TYPING: cases.QUERY,
            cases.MODEL: cases.QUERY,
            cases.DRAWN: cases.QUERY,
            cases.KEPT: cases.DRAWN,
            cases.PUT: cases.MODEL,
            cases.FIRST: cases.PUT,
            cases.PROGRESS: cases.FIRST,
            cases.SECOND: cases.PROGRESS,
            cases.POSTED: cases.PUT,
            cases.TAKE_OVER: cases.QUERY,
            cases.READ_BACK: cases.TAKE_OVER,
            cases.DELIVERED: last,
            cases.DELETION: cases.DELIVERED,
        }.get(boundary)
        if step_before:
            call = call_of(step_before, talk)
            second_query = int(boundary == cases.TAKE_OVER)
            trigger = Fault(
                "slow",
                match=call.operation,
                contains=call.holds,
                skip=call.skip + second_query,
                then=lambda _: refusal.begin(),
            )
            self._add(call, trigger)
        elif boundary == cases.QUERY:
            self.lanes.meet(talk.conversation, refusal.meets)
        else:
            refusal.begin()

    def _absorb(self, function: str) -> None:
        """Invoke the function once: only so the emulator learns that its process is gone."""
        if function == "WorkerFunction":
            self.stack.invoke(function, {"Records": []})
        else:
            self.stack.invoke(function, {"requestContext": {"http": {"method": "GET"}}})

    def _rival(self, environ: WSGIEnvironment) -> None:
        """Write to the table as another worker that claimed the turn first, and then died."""
        body: dict[str, Any] = json.load(environ["wsgi.input"])
        environ["wsgi.input"].seek(0)
        dynamodb = self.stack.aws.client("dynamodb")
        ends = str(int((time.time() + RIVAL_SECONDS) * 1000))
        claim = {"claim_token": {"S": uuid.uuid4().hex}, "claim_ends": {"N": ends}}
        puts = [part["Put"] for part in body.get("TransactItems", [])] or [body]
        if "Item" in puts[0]:
            # Of merged turns, only the claim of the turn that they were merged into counts.
            for put in puts:
                dynamodb.put_item(TableName=put["TableName"], Item={**put["Item"], **claim})
            return
        dynamodb.update_item(
            TableName=body["TableName"],
            Key=body["Key"],
            UpdateExpression="SET #s = :sending, claim_token = :token, claim_ends = :ends",
            ExpressionAttributeNames={"#s": "state"},
            ExpressionAttributeValues={
                ":sending": {"S": "sending"},
                ":token": claim["claim_token"],
                ":ends": claim["claim_ends"],
            },
        )


class _Refusal:
    """Has a server refuse connections until one was refused, and for a second longer."""

    def __init__(self, stack: Stack, server: str) -> None:
        self._server = stack.servers[server]
        self._failed = False
        self._over = threading.Event()

    def begin(self) -> None:
        before = processes.failed_connections()
        self._server.refuse()
        threading.Thread(target=self._end, args=[before], daemon=True).start()

    def meets(self, messages: Sequence[MessageTypeDef]) -> Way:
        self.begin()
        return "as usual"

    def fired(self) -> bool:
        """Whether a connection failed meanwhile, by the kernel's count."""
        return self._over.is_set() and self._failed

    def _end(self, before: int) -> None:
        end = time.monotonic() + REFUSED_AT_MOST
        while not self._failed and time.monotonic() < end:
            time.sleep(0.02)
            self._failed = processes.failed_connections() > before
        time.sleep(REFUSED_SECONDS)
        self._server.listen()
        self._over.set()
