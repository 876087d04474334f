from __future__ import annotations

import gc
import io
import sys
import weakref

from tests.streams import printing_to


def test_a_stream_outlives_its_time_as_standard_output() -> None:
    before = sys.stdout
    stream = io.StringIO()
    kept = weakref.ref(stream)
    with printing_to(stream):
        sys.stdout.write("Here")
    assert stream.getvalue() == "Here"
    assert sys.stdout is before
    del stream
    gc.collect()
    assert kept() is not None
