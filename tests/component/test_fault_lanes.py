"""The event source mapping of the fault cases (tests/faults/lanes.py)."""

from __future__ import annotations

from tests.component.conftest import Aws, Queues
from tests.component.test_local_event_source import ARN, Bench
from tests.faults.lanes import Lanes


def test_what_is_held_together_comes_as_one_batch(aws: Aws, queues: Queues) -> None:
    """A full batch may end in the middle of it; that receive is then not counted."""
    bench = Bench(aws, queues)
    lanes = Lanes(bench.sqs, bench.url, ARN, bench.worker, 1)
    lanes.start()
    try:
        with lanes.held("ada", 3):
            for number in range(9):
                bench.send(f"somebody {number}", f"from {number}")
            bench.send("ada", "one", "two", "three")
        assert ["one", "two", "three"] in bench.worker.wait(10)
    finally:
        lanes.stop()
    (event,) = (each for each in bench.worker.events if len(each["Records"]) == 3)
    counts = [record["attributes"]["ApproximateReceiveCount"] for record in event["Records"]]
    assert counts == ["1", "1", "1"]
    assert bench.wait_left(0)
