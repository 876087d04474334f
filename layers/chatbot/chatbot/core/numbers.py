"""Numbers in JSON, of which JSON itself says neither how long nor how large they may be.

Python reads an integer of up to 4,300 digits, in a time that grows with their square and more than
any float holds, and `1e999` as infinity, which no other JSON can hold.
"""

from __future__ import annotations

import math

from chatbot.core.limits import LARGEST_INTEGER, LONGEST_INTEGER


def strict_integer(digits: str) -> int:
    """The integer. Raises ValueError for one that is longer than LONGEST_INTEGER."""
    if len(digits) > LONGEST_INTEGER:
        raise ValueError("integer out of range")
    return int(digits)


def strict_float(number: str) -> float:
    """The number. Raises ValueError for one that is too large to be finite."""
    value = float(number)
    if not math.isfinite(value):
        raise ValueError("number out of range")
    return value


def lenient_integer(digits: str) -> int:
    """The integer; 0 beyond LARGEST_INTEGER, where the number must not cost what is beside it."""
    number = int(digits) if len(digits) <= LONGEST_INTEGER else 0
    return number if abs(number) <= LARGEST_INTEGER else 0
