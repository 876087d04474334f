"""`make hostile` finds what passes a bound: here the bounds are taken away one by one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chatbot.channels.text import entities, html, split
from chatbot.channels.text.markdown import TooMuch
from chatbot.core.errors import Forged
from tests.fuzz.bench import Broken
from tests.hostile import __main__, answers, doors, growth, inputs, reading, run, splitting, texts
from tests.hostile.findings import Breach, Findings, Input, Worst
from tests.hostile.markers import PAIRS, SHAPES

HEADER = "a long name of a column"
TABLE = f"|{HEADER}|{HEADER}|\n|-|-|\n" + "|1|2|\n" * 400
"""Its headers would be repeated in each row, and its tags on the page."""
SOME = 150


def judge_answer(text: str) -> Findings:
    findings = Findings()
    answers.judge(text, False, findings)
    return findings


def test_the_first_inputs_pass_no_bound() -> None:
    findings = Findings()
    assert [run.judged(inputs.make("unit", n), findings) for n in range(SOME)] == [None] * SOME
    assert findings.counts["telegram authentic 200"]
    assert findings.worst["posts, of those allowed"].value <= 1


def test_a_seed_determines_the_inputs() -> None:
    some = [inputs.make("1", number) for number in range(SOME)]
    assert some == [inputs.make("1", number) for number in range(SOME)]
    assert some != [inputs.make("2", number) for number in range(SOME)]
    json.dumps([each.data for each in some])


def test_every_kind_has_its_share() -> None:
    made = [inputs.make("1", number) for number in range(1_000)]
    stations = [each.station for each in made]
    assert {name: stations.count(name) for name in inputs.STATIONS} == inputs.STATIONS
    assert {each.kind for each in made if each.station == "answer"} == set(texts.KINDS)
    kinds = [inputs._kind(("a", "b", "a"), turn) for turn in range(6)]
    assert kinds == [("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 1), ("a", 3)]
    pairs = {texts.pairs(None, 60, turn) for turn in range(len(PAIRS) * SHAPES)}  # type: ignore[arg-type]
    assert len(pairs) > len(PAIRS) * SHAPES * 0.9  # some shapes of some pairs are the same text


def test_text_without_a_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_answer(TABLE)
    monkeypatch.setattr(entities, "TEXT_GROWTH", 100)
    monkeypatch.setattr(entities, "most_posts", lambda *_: 100)
    with pytest.raises(Broken, match="posts of at most"):
        judge_answer(TABLE)
    monkeypatch.setattr(answers, "most_posts", lambda *_: 100)
    with pytest.raises(Broken, match=r"text of \d+ characters of at most"):
        judge_answer(TABLE)


def test_html_without_a_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = "- [x] a\n" * 400
    judge_answer(boxes)
    monkeypatch.setattr(html, "HTML_GROWTH", 100)
    with pytest.raises(Broken, match="HTML of"):
        judge_answer(boxes)


@pytest.mark.parametrize(
    "made", ['<img src="x">', '<p onclick="x">', '<a href="javascript:x">a</a>', "<!--", "<p/x>"]
)
def test_a_tag_that_the_page_must_not_have_is_found(made: str) -> None:
    answers.judge_html('<p class="math"><a href="https://e.x">a</a><br></p>', "a", Findings())
    with pytest.raises(Broken, match=r"page has no|tag"):
        answers.judge_html(made, "a", Findings())


def test_a_control_that_reaches_a_platform_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_answer("a\x1b[2J\ud83d\0b")
    monkeypatch.setattr(split, "_ORIGINALS", {})
    with pytest.raises(Broken, match="reaches a platform"):
        judge_answer("a\x1b[2Jb")


def test_a_splitter_that_cuts_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n\n".join(["word " * 22] * 40)
    splitting.judge(text, 200, False, Findings())
    monkeypatch.setattr(split, "_FILLED", (0.0,))
    monkeypatch.setattr(split, "most_posts", lambda *_: 1_000)
    with pytest.raises(Broken, match="parts of at most"):
        splitting.judge(text, 200, False, Findings())


def door(kind: str) -> dict[str, Any]:
    found = (inputs.make("1", number) for number in range(2_000))
    return next(
        dict(each.data)
        for each in found
        if (each.station, each.kind, each.data.get("channel")) == ("door", kind, "telegram")
    )


def test_a_door_that_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    doors.judge(door("odd fields"), Findings())
    monkeypatch.setattr("chatbot.channels.telegram.inbound.parse_json", lambda body: 1 / 0)
    with pytest.raises(Broken, match="telegram answers 500"):
        doors.judge(door("odd fields"), Findings())


def test_a_forgery_that_is_let_in_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    doors.judge(door("forged"), Findings())
    monkeypatch.setattr("hmac.compare_digest", lambda *_: True)
    with pytest.raises(Broken, match="telegram answers 200"):
        doors.judge(door("forged"), Findings())
    monkeypatch.undo()

    def refuse(*_: object) -> None:
        raise Forged("always")

    monkeypatch.setattr("chatbot.channels.telegram.inbound.parse_json", refuse)
    with pytest.raises(Broken, match="telegram answers 401"):
        doors.judge(door("odd fields"), Findings())


def test_what_the_worker_cannot_read_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = next(
        each.data
        for each in (inputs.make("1", number) for number in range(2_000))
        if each.station == "door" and run.judged(each, found := Findings()) is None
        if found.counts["envelopes queued"] and each.data["channel"] == "telegram"
    )
    monkeypatch.setattr(
        "chatbot.channels.telegram.outbound.read", lambda envelope, *_: envelope.payload["nothing"]
    )
    assert run.judged(Input(1, "door", "x", accepted), Findings())


def test_a_reading_without_a_bound_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [{"question": "a", "answer": "\u20ac" * 60_000, "form": "plain"}] * 6
    reading.judge(turns, "", True, Findings())
    reading.judge(turns, "", False, Findings())
    monkeypatch.setattr("chatbot.site.turns.READING_BYTES", 10**9)
    with pytest.raises(Broken, match="a reading of"):
        reading.judge(turns, "", True, Findings())


def test_a_turn_that_is_never_shown_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [{"question": "a", "answer": str(number), "form": "plain"} for number in range(60)]
    reading.judge(turns, "", True, Findings())
    monkeypatch.setattr("chatbot.site.turns._cursor", lambda turn: f"{turn.key.occurred_at + 1}.z")
    with pytest.raises(Broken, match="every turn is read once"):
        reading.judge(turns, "", True, Findings())


LENGTHS = ["a" * 40, "a" * 80, "a" * 160]


def cube(text: str) -> int:
    return sum(1 for _ in text for _ in text for _ in text)


@pytest.mark.parametrize(
    ("seconds", "growth_of_time"),
    [
        (lambda size: size / 1_000, 2),
        (lambda size: size**2 / 1_000, 4),
        (lambda size: size / 1_000 + (size > 100), 2),  # another way from some length on
        (lambda size: size**2 / 10**9, 0),  # too quick to be compared
    ],
)
def test_growth_is_that_of_each_doubling(
    seconds: Callable[[int], float], growth_of_time: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def work(text: str) -> None:
        clock[0] += seconds(len(text))

    monkeypatch.setattr(growth, "time", SimpleNamespace(thread_time=lambda: clock[0]))
    assert growth.growth_of(work, LENGTHS) == pytest.approx(growth_of_time)


def test_a_form_whose_time_grows_faster_than_the_text_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth, "FORMS", {"page": cube})
    breach = run.judged(Input(7, "time", "x", {"form": "page", "texts": LENGTHS}), Findings())
    assert breach is not None
    assert "page takes" in breach.bound


def test_an_input_that_never_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> None:
        while True:
            with suppress(Exception):  # as converters do
                cube("a" * 10)

    monkeypatch.setattr(run, "MOST_SECONDS", 0.05)
    monkeypatch.setattr(inputs, "judge", hang)
    breach = run.judged(Input(7, "answer", "x", {}), Findings())
    assert breach is not None
    assert "keeps the processor" in breach.bound


def test_what_a_converter_raises_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TooMuch

    monkeypatch.setattr("chatbot.channels.telegram.outbound.parts_of", fail)
    breach = run.judged(Input(7, "answer", "x", {"text": "a", "plain": False}), Findings())
    assert breach is not None
    assert breach.bound == "raises TooMuch()"


class Reports(list[run.Progress]):
    def put(self, progress: run.Progress) -> None:
        self.append(progress)


def test_processes_share_the_inputs() -> None:
    plan = run.Plan("1", count=40, jobs=3)
    reports, under_way = Reports(), [0, 0, 0]
    for first in range(3):
        run.work(plan, first, reports, under_way)
    assert [(each.first, each.done, each.ended) for each in reports] == [
        (0, 14, True),
        (1, 13, True),
        (2, 13, True),
    ]
    alone = Reports()
    run.work(replace(plan, jobs=1), 0, alone, [0])
    together = Findings()
    for each in reports[::-1]:
        together.add(each.findings)
    assert together.counts == alone[0].findings.counts
    posts = "posts, of those allowed"
    assert together.worst[posts] == alone[0].findings.worst[posts]


def test_a_breach_is_saved_and_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Findings(worst={"posts": Worst(2.0, "6 of 3", 5, "tables")})
    found.kinds.update({("answer", "tables"): 1_200, ("answer", "code"): 34})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["hostile", "--seed", "9", "--inputs", "10"])

    def find(plan: run.Plan, tell: Callable[[int, Findings], None]) -> Findings:
        tell(plan.count, found)
        return found

    monkeypatch.setattr(__main__, "run", find)
    assert __main__.main() == 0
    found.breaches.append(Breach(Input(5, "answer", "tables", {"text": "|\ud83d"}), "6 posts"))
    assert __main__.main() == 1
    printed = capsys.readouterr().out
    assert "1,234 inputs for answer: code 34, tables 1,200" in printed
    assert "worst posts: 2 (6 of 3; input 5, tables)" in printed
    assert "BREACH 6 posts: input 5 (answer, tables): hostile-inputs/9-5.json" in printed
    saved = json.loads((tmp_path / "hostile-inputs" / "9-5.json").read_text())
    assert saved["data"] == {"text": "|\ud83d"}
