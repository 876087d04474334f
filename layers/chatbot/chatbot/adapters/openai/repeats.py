"""Find out whether a message repeats what a stream has said, so that nothing is said twice."""

from __future__ import annotations

_NOT_BY_CHANCE = 4  # characters


class Repeats:
    """Compares the messages that come in place of deltas, or after them, with those before."""

    def __init__(self) -> None:
        self._previous = ""
        self._growing = 0  # messages that held the one before them, and more
        self._each_grows = True

    def found(self, text: str, said: str, *, is_completion: bool, last: bool) -> bool:
        """Whether the next message, `text`, holds the whole answer so far, which is `said`.

        As each message before it did (DashScope without `incremental_output`), or as the whole
        answer after its pieces: as a completion (MiniMax), or `last`, with the finish reason. A
        piece may begin like a short one before it by chance ("1", "10"), but not one after another.
        """
        previous, self._previous = self._previous, text
        if not previous:
            return False
        if self._each_grows:
            grows = text.startswith(previous) and (len(text) > len(previous) or last)
            self._each_grows, self._growing = grows, self._growing + grows
            if grows and (self._growing > 1 or len(previous) >= _NOT_BY_CHANCE):
                return True
        if not (is_completion or last):
            return False
        before, again = "".join(said.split()), "".join(text.split())
        return again == before or (is_completion and again.startswith(before))
