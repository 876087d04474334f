"""Find out whether an answer is complete, and why it ended, from all that servers say of it."""

from __future__ import annotations

AFTER_THE_END = 0.25
"""Seconds for what follows a complete answer: its usage, and the end of the response, after which
the connection can be used again."""
AFTER_A_COUNT = 3.0
"""Seconds for what follows a count of tokens where nothing else has said that the answer ended:
more text, perhaps, from a server that counts in between."""

# Why an answer ended, in the words of OpenAI, Anthropic and Bedrock (max_tokens), Mistral
# (model_length), Gemini (MAX_TOKENS; https://ai.google.dev/api/generate-content#FinishReason),
# Z.ai (model_context_window_exceeded, sensitive, network_error; https://docs.z.ai/api-reference),
# DeepSeek (insufficient_system_resource; https://api-docs.deepseek.com/api/create-chat-completion),
# OpenRouter (error; https://openrouter.ai/docs/api/reference/overview), vLLM (abort).
# Any other word ends an answer.
_CUT = frozenset(
    ("length", "max_tokens", "model_length", "max_output_tokens", "model_context_window_exceeded")
)
_FILTERED = frozenset(
    (
        *("content_filter", "content_filtered", "safety", "sensitive", "prohibited_content"),
        *("blocklist", "spii", "recitation", "image_safety", "guardrail_intervened", "refusal"),
        *("guardrail", "blocked"),
    )
)
_BROKEN = frozenset(("error", "insufficient_system_resource", "network_error", "abort", "aborted"))
_NOT_YET = ("null", "none")  # Alibaba's word while it goes on (DashScope)
_UNKNOWN = "unknown"


class Ending:
    """What has been said about the end of an answer.

    `finished` is True once nothing that follows can cost the answer.
    """

    def __init__(self) -> None:
        self.finished = False
        self._word = ""
        self._empty_word = False  # the last piece had an empty word for why it ended
        self._counted_last = False  # a piece with nothing but the usage came last
        self._counts_between = False  # text has followed such a piece: it tells nothing

    @property
    def cut(self) -> bool:
        """Whether the answer was cut at a limit."""
        return self._word in _CUT

    @property
    def filtered(self) -> bool:
        """Whether a content filter ended it."""
        return self._word in _FILTERED

    def says(self, finish: object) -> None:
        """Note a choice's finish reason, whatever type it has; None while the answer goes on."""
        if not finish and finish != "":
            return
        word = finish.strip().lower() if isinstance(finish, str) else _UNKNOWN
        if word in _NOT_YET:
            return
        self._empty_word = not word
        if word:
            word = word.partition(":")[0].strip().rpartition(".")[2]  # also "FinishReason.SAFETY"
            self._word = word.replace("-", "_").removeprefix("finish_reason_")
            self.finished = True

    def done(self) -> None:
        """Note the end mark of the stream."""
        self.finished = True

    def too_much(self) -> None:
        """Note that the answer is cut here, because it is too long."""
        self._word, self.finished = "length", True

    def counted(self) -> None:
        """Note a piece with nothing but the count of tokens, after text."""
        self._counted_last = True

    def goes_on(self) -> None:
        """Note that text has come."""
        if self._counted_last:
            self._counted_last, self._counts_between = False, True

    def seconds_left(self) -> float | None:
        """How long to wait for more; None: as long as there is time."""
        if self.finished:
            return AFTER_THE_END
        return AFTER_A_COUNT if self._counted_last and not self._counts_between else None

    def complete(self, *, whole: bool, broken: bool) -> bool:
        """Whether the answer is there to its end.

        `whole`: it came in one body; `broken`: the connection broke, other than by our own hand.
        """
        if self._word in _BROKEN:
            return False
        if self.finished or whole:
            return True
        return not broken and (self._counted_last or self._empty_word)
