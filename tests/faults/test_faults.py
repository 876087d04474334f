"""Some of the fault cases (`make faults` runs all), and tests of the judge itself."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud.runtime import Result
from local.http.recorder import Recorder
from tests.faults import cases, mutants, processes, report, story
from tests.faults.cases import Case, every
from tests.faults.finding import Finding
from tests.faults.lanes import Lanes
from tests.faults.matrix import run_all
from tests.faults.run import Seen, judge
from tests.modules import run_module

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

ROOT = Path(__file__).parents[2]
EXPECTED = [(1, 1), (2, 1), (2, 2), (3, 1)]
ONCE = Counter({1: 1, 2: 1, 3: 1})
CASE = Case(cases.PUT, cases.MALFORMED, "telegram")
STRUCK = Case(cases.SECOND, cases.KILLED_AFTER, "telegram")
REFUSED = Case(cases.PUT, cases.BROKEN, "messenger")


def judged(
    case: Case = CASE,
    received: list[tuple[int, int]] = EXPECTED,
    asked: Counter[int] = ONCE,
    states: tuple[str, ...] = ("delivered",) * 3,
    fired: bool = True,
    late: bool = False,
) -> str:
    return judge(case, Seen(EXPECTED, received, asked, [*states], late=late), fired, 3).outcome


def test_all_well() -> None:
    assert judged() == "ok"


@pytest.mark.parametrize(
    ("outcome", "seen"),
    [
        ("lost", {"received": [(1, 1), (2, 1), (3, 1)]}),
        ("doubled", {"received": [(1, 1), (2, 1), (2, 1), (2, 2), (3, 1)]}),
        ("reordered", {"received": [(1, 1), (2, 2), (2, 1), (3, 1)]}),
        ("paid twice", {"asked": Counter({1: 1, 2: 2, 3: 1})}),
        ("stuck", {"states": ("delivered", "sending", "delivered")}),
        ("stuck", {"states": ("delivered", "delivered")}),
        ("not fired", {"fired": False}),
    ],
)
def test_what_is_wrong_is_said(outcome: str, seen: dict[str, object]) -> None:
    assert judged(**seen) == outcome  # type: ignore[arg-type]


def test_an_admitted_repetition_counts_apart() -> None:
    again = [(1, 1), (2, 1), (2, 2), (2, 2), (3, 1)]
    assert judged(STRUCK, again).startswith("excepted: Telegram")
    assert judged(CASE, again) == "doubled"
    assert judged(STRUCK, [(1, 1), (1, 1), (2, 1), (2, 2), (3, 1)]) == "doubled"
    assert judged(STRUCK) == "ok"


def test_an_admitted_second_question_counts_apart() -> None:
    asked = Counter({1: 1, 2: 2, 3: 1})
    assert judged(REFUSED, asked=asked).startswith("excepted: the table")
    assert judged(REFUSED, asked=Counter({1: 1, 2: 3, 3: 1})) == "paid twice"
    assert judged(REFUSED, asked=Counter({1: 2, 2: 1, 3: 1})) == "paid twice"


def test_a_late_blow_may_hit_a_later_message_but_only_one() -> None:
    killed = Case(cases.TYPING, cases.KILLED_AFTER, "messenger")
    third = Counter({1: 1, 2: 1, 3: 2})
    assert judged(killed, asked=third, late=True).startswith("excepted: the worker died")
    assert judged(killed, asked=third) == "paid twice"
    assert judged(killed, asked=Counter({1: 1, 2: 2, 3: 2}), late=True) == "paid twice"
    assert judged(killed, asked=Counter({1: 2, 2: 1, 3: 1}), late=True) == "paid twice"
    assert judged(killed, asked=Counter({1: 1, 2: 1, 3: 3}), late=True) == "paid twice"
    again = [(1, 1), (2, 1), (2, 2), (3, 1), (3, 1)]
    assert judged(STRUCK, again, late=True).startswith("excepted: Telegram")
    assert judged(STRUCK, again) == "doubled"


def test_nothing_excuses_a_loss() -> None:
    assert judged(STRUCK, [(1, 1), (2, 2), (2, 2), (3, 1)]) == "lost"


def test_the_matrix_is_whole() -> None:
    named = [case.name for case in every()]
    assert len(named) == len(set(named)) >= 400
    assert {case.boundary for case in every()} == {*cases.BOUNDARIES}
    assert {case.fault for case in every()} == {*cases.FAULTS}


def test_the_table_shows_each_outcome() -> None:
    findings = {
        CASE: Finding(4, 5, 4, fired=True, most_paid=2, most_requests=9),
        STRUCK: Finding(4, 6, 4, fired=True, excepted=("why",)),
        Case(cases.FIRST, cases.BROKEN, "telegram"): Finding(4, 4, 4, fired=True, lost=True),
    }
    rows = {line.split("  ")[0]: line for line in report.table(findings, "telegram").split("\n")}
    assert rows["turn put"].split()[-1] == "ok"
    assert rows["second part"].split()[-1] == "exc"
    assert rows["first part"].split()[-1] == "BAD"
    assert report.sums(findings) == {
        "cases": 3,
        "lost": 1,
        "doubled": 0,
        "reordered": 0,
        "paid_twice": 0,
        "stuck": 0,
        "most_paid": 2,
        "most_requests": 9,
        "excepted": 1,
    }


def test_the_bad_cases_are_named_at_the_end() -> None:
    lost = Finding(4, 4, 4, fired=True, lost=True, note="what came", story="0.0 aws PutItem")
    text = report.text({CASE: Finding(4, 4, 4, fired=True), STRUCK: lost}, 1)
    *_, told, named, counted = text.split("\n\n")
    assert told == f"{STRUCK.name}:\n0.0 aws PutItem"
    assert STRUCK.name in named
    assert named.endswith("lost  what came")
    assert "\n" not in named
    assert counted.startswith("cases 2  lost 1 ")
    assert CASE.name not in report.text({CASE: Finding(4, 4, 4, fired=True)}, 1)


def test_a_story_is_of_one_conversation() -> None:
    recorder = Recorder()
    story.watch(recorder)
    recorder.add("aws", "PutItem", 12.0, 200, b'{"pk": "web:ada"}', b"")
    recorder.add("aws", "PutItem", 12.5, 200, b'{"pk": "web:bob"}', b"")
    recorder.log(json.dumps({"message": "model_failed", "reason": "timeout", "of": "web:ada"}))
    recorder.add("openai", "chat/completions", 10.0, 0, b"ada says", b"")
    asked, put, failed = story.of(recorder, "ada").split("\n")
    assert asked.split() == ["0.0", asked.split()[1], "s", "openai", "chat/completions", "0"]
    assert put.startswith("     2.0 +")
    assert put.endswith("aws PutItem 200")
    assert failed.endswith("log model_failed timeout")
    assert story.of(recorder, "nobody") == ""


@pytest.mark.parametrize(("error", "again"), [("Runtime.ExitError", 1), ("", 0)])
def test_a_process_that_ended_is_replaced_at_once(error: str, again: int) -> None:
    events: list[object] = []

    def invoke(event: Mapping[str, Any]) -> Result:
        events.append(event)
        return Result(error=error)

    lanes = Lanes(None, "url", "arn", invoke, 0)
    event = {"Records": ["a record"]}
    assert lanes._invoke(event).error == error
    assert events == [event, *[{"Records": []}] * again]


@pytest.fixture
def missed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the operations whose caller was gone before it could be killed, at the first put."""
    operations: list[str] = []
    kill = processes.kill

    def late(environ: WSGIEnvironment) -> None:
        if environ["faults.operation"] == "PutItem" and not operations:
            operations.append("PutItem")
            raise processes.Gone
        kill(environ)

    monkeypatch.setattr(processes, "kill", late)
    return operations


def test_faults(tmp_path: Path) -> None:
    """Run a case of each part of the way; none waits for a lease or needs Lambda processes.

    In a process of its own, as a process can run only one stack with in-process functions.
    """
    chosen = [
        Case(cases.ENQUEUE, cases.ENTRY, "messenger"),
        Case(cases.PUT, cases.CONDITION, "telegram"),
        Case(cases.FIRST, cases.CLOSED_BEFORE, "messenger"),
        Case(cases.DELIVERED, cases.CLOSED_AFTER, "telegram"),
        Case(cases.DELETION, cases.BROKEN, "web"),
    ]
    only = [option for case in chosen for option in ("--only", case.name)]
    arguments = ["--runtime", "inprocess", "--report", str(tmp_path / "report.json"), *only]
    done = run_module("tests.faults", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cases {len(chosen)}  lost 0  doubled 0" in done.stdout


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator needs Linux")
def test_faults_with_killed_processes(missed: list[str]) -> None:
    """The slowest waits for a killed worker's lease to end."""
    chosen = [
        Case(cases.RECEIVE, cases.TWICE, "telegram"),
        Case(cases.PUT, cases.KILLED_BEFORE, "web"),
        Case(cases.PUT, cases.KILLED_AFTER, "messenger"),
        Case(cases.MERGED + cases.RECEIVE, cases.TWICE, "telegram"),
        Case(cases.MERGED + cases.PUT, cases.CONDITION, "messenger"),
        Case(cases.FIRST, cases.CLOSED_AFTER, "messenger"),
        Case(cases.SECOND, cases.KILLED_AFTER, "messenger"),
        Case(cases.SECOND, cases.KILLED_AFTER, "telegram"),
        Case(cases.READ_BACK, cases.BROKEN, "messenger"),
    ]
    findings = run_all(chosen, "rie", 6, lambda case, finding: None)
    wrong = {case.name: f"{f.outcome} {f.note}" for case, f in findings.items() if not f.good}
    assert not wrong
    assert len(findings) == len(chosen)
    assert missed == ["PutItem"]


def test_what_should_notice_a_mutant_is_there() -> None:
    names = [case.name for case in every()]
    for mutant in mutants.every():
        assert mutant.commands, mutant.name
        for path, _, name in (test.partition("::") for test in mutant.tests):
            assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(), mutant.name
        for fault in mutant.faults:
            assert any(fault in name for name in names), mutant.name
