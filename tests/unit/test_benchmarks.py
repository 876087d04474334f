"""The arithmetic of the benchmarks: rows and the cost model."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.cost import MONTH, Case, cost, simulate
from benchmarks.measured import Measured
from benchmarks.rows import TARGETS, Row, table, write

MEASURED = Measured(
    webhook_cpu_ms=3,
    worker_cpu_ms=20,
    webhook_log_bytes=1000,
    worker_log_bytes=2000,
    init_seconds=1,
    sent_bytes=3000,
    send_calls=1,
    queue_calls=1,
    write_units=2,
    read_units=2,
    item_bytes=500,
)
CASE = Case(
    messages=10e6,
    model_seconds=4,
    worker_memory=256,
    workers=10,
    webhook_memory=512,
    route_rate=100,
    alarms=4,
)


def test_the_ratio_is_the_median_of_the_pairs_and_not_of_the_sides() -> None:
    row = Row.of("webhook_warm", "ms", [(1, 1), (20, 10), (3, 2)])
    assert row.ratio == pytest.approx(1.5)
    assert (row.ours, row.reference, row.runs) == (3, 2, 3)


@pytest.mark.parametrize(("ours", "met"), [(1.3, True), (1.3004, True), (1.302, False)])
def test_a_target_is_met_up_to_itself(ours: float, met: bool) -> None:
    row = Row.of("webhook_warm", "ms", [(ours, 1)])
    assert TARGETS["webhook_warm"] == 1.3
    assert row.met is met
    assert ("MISSED" in table([row])) is not met


def test_the_report_has_the_agreed_form(tmp_path: Path) -> None:
    write([Row.of("burst", "s", [(15, 10)], "a note")], tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == {
        "burst": {
            "ours": 15,
            "reference": 10,
            "ratio": 1.5,
            "target": 2,
            "met": True,
            "unit": "s",
            "runs": 1,
        }
    }


def test_a_quiet_queue_gives_batches_of_one_without_a_wait() -> None:
    fill, waited = simulate(replace(CASE, messages=10_000), MEASURED)
    assert fill == pytest.approx(1, abs=0.01)
    assert waited == pytest.approx(0, abs=0.01)


def test_busy_workers_share_what_comes_in_while_they_work() -> None:
    case = replace(CASE, workers=3)
    fill, waited = simulate(case, MEASURED)
    busy = case.messages / MONTH * case.worker_seconds(MEASURED, fill)
    assert fill == pytest.approx(busy / case.workers, rel=0.05)
    assert 0 < waited < case.worker_seconds(MEASURED, 10)


def test_more_than_the_workers_can_take_waits_for_ever() -> None:
    assert simulate(replace(CASE, messages=1e9), MEASURED) == (10, math.inf)


def test_sharing_the_wait_is_cheaper_than_one_by_one() -> None:
    ours, single = (cost(replace(CASE, one_by_one=alone), MEASURED) for alone in (False, True))
    assert ours.total < single.total
    assert ours.lines["API"] == single.lines["API"]


def test_one_message_at_a_time_is_billed_for_all_of_the_wait() -> None:
    single = cost(replace(CASE, one_by_one=True, model_seconds=6), MEASURED)
    waiting = 6 * 256 / 1024 * 13.3334
    assert waiting < single.lines["functions"] < waiting * 1.25


def test_the_first_limit_is_the_one_with_the_least_room() -> None:
    used = cost(replace(CASE, workers=100, messages=60 * MONTH), MEASURED).load.used()
    assert next(iter(used)) == "Telegram, 30 messages/s"
    assert used["Telegram, 30 messages/s"] == pytest.approx(2)
