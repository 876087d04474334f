"""Ask the model, with a prompt that fits it, and make the turn with its answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from chatbot.conversation import prompt
from chatbot.conversation.context import Context
from chatbot.conversation.refusals import Refusals
from chatbot.core.completion import Completion, Spending
from chatbot.core.errors import ContextTooLong, ModelRefused
from chatbot.core.markdown import unfinished
from chatbot.core.message import log_fields
from chatbot.core.ports import Clock, Journal, Model
from chatbot.core.prompt import Prompt
from chatbot.core.settings import Settings
from chatbot.core.turn import Origin, Reply, Turn, Usage

_PICTURE = re.compile(r"\[picture(?:, which could not be read)?\]")


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """Makes turns with the model's answers; shared by the threads of a batch."""

    model: Model
    refusals: Refusals
    settings: Settings
    journal: Journal
    clock: Clock

    def make_turn(self, context: Context) -> Turn:
        """The turn with the answer to the context's message, or with a sentence without one.

        Raises Retryable; ModelRefused where the message shares its prompt with others.
        """
        began = self.clock()
        try:
            completion, lines = self._complete(context, prompt.build(context, began))
        except ModelRefused as refused:
            return self.refusals.turn(context, refused)
        if completion.stopped and not completion.text:
            return context.notice("stopped")
        turn = _completed_turn(context, completion, lines)
        self._log(turn, completion, (self.clock() - began) / 1000, len(lines))
        return turn

    def _complete(self, context: Context, lines: Prompt) -> tuple[Completion, Prompt]:
        """Ask the model. A prompt that is too long for it is shortened until it fits.

        Returns the answer, and the prompt that it answers. Raises ModelRefused, ModelUnavailable.
        """
        deadline = context.deadline.within(self.settings.model_timeout)
        show, spending = context.progress.show, context.spending
        while True:
            try:
                answer = self.model.answer(lines, deadline.left(), show, spending)
                return answer.clamped(), lines
            except ContextTooLong:
                shorter = _shorter(lines, spending)
                if shorter == lines:
                    raise
                lines = shorter

    def _log(self, turn: Turn, completion: Completion, seconds: float, lines: int) -> None:
        tokens = {"tokens_in": completion.tokens_in, "tokens_out": completion.tokens_out}
        for metric, value in (
            ("ModelSeconds", seconds),
            ("TokensIn", completion.tokens_in),
            ("TokensOut", completion.tokens_out),
        ):
            self.journal.count(metric, value, channel=turn.channel)
        self.journal.info(
            "model",
            **log_fields(turn),
            seconds=seconds,
            model=completion.model,
            prompt_lines=lines,
            **tokens,
        )


def _shorter(lines: Prompt, spending: Spending) -> Prompt:
    """A shorter prompt: for the last request that is left, with nothing but the message itself."""
    shorter = prompt.shorter(lines)
    while spending.remaining == 1 and (again := prompt.shorter(shorter)) != shorter:
        shorter = again
    return shorter


def _completed_turn(context: Context, completion: Completion, lines: Prompt) -> Turn:
    """The turn with the model's answer, and with the sentence on what the model has not seen.

    Pictures that were not seen are not shown again with the next message.
    """
    cut = completion.cut or completion.stopped
    text = unfinished(completion.text) if cut else completion.text
    estimate = 0 if context.pictures else prompt.estimate(lines)
    usage = Usage(completion.model, completion.tokens_in, completion.tokens_out, estimate)
    turn = replace(context.turn(Reply(text), Origin.MODEL), usage=usage, since=lines.since)
    if "image" not in completion.unseen or not context.message.media:
        return turn
    if not _PICTURE.sub("", context.message.full_text).strip():
        return replace(context.notice("no_pictures"), media=())  # nothing else was answered
    reply = Reply(f"{context.say('no_pictures')}\n\n{text}")
    return replace(turn, reply=reply, media=())
