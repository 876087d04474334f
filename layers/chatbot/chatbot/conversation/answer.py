"""Make the answer to a message: by a command, by the model, or as a fixed sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from chatbot.conversation import commands, prompt
from chatbot.conversation.access import Access, AccessHistory, Refusal
from chatbot.conversation.attachments import Attachments
from chatbot.conversation.attempt import Deadline
from chatbot.conversation.context import Context
from chatbot.conversation.delivery import log_fields
from chatbot.conversation.images import Images
from chatbot.conversation.progress import Progress
from chatbot.core.completion import Completion, Spending
from chatbot.core.errors import (
    ContentFiltered,
    ContextTooLong,
    ModelRefused,
    PostRefused,
    Unfetchable,
)
from chatbot.core.markdown import escaped, unfinished
from chatbot.core.message import Author, Kind, Message
from chatbot.core.ports import (
    Channel,
    Clock,
    Files,
    Journal,
    Memory,
    Model,
    Stops,
    TurnExists,
    TurnWrites,
)
from chatbot.core.settings import Settings
from chatbot.core.timeline import ConversationProfile, Timeline
from chatbot.core.translations import language_of, say
from chatbot.core.turn import Origin, Reply, Turn, Usage

OPERATOR_REASONS = ("authentication", "insufficient_quota", "unknown_model")
"""Reasons of ModelRefused that affect all messages until the operator acts; they raise an alarm."""
EXPLAINED_REASONS = ("unsupported", "too_large", "no_recordings")
"""Reasons of Unfetchable for which `translations` has a sentence; all others get "gone"."""


class AnswersHistory(AccessHistory, Memory, Stops, TurnWrites, Protocol):
    """Ports of the conversation table that this module needs."""


class Answers:
    """Makes turns that answer messages; shared by the threads of a batch."""

    def __init__(
        self,
        history: AnswersHistory,
        model: Model,
        files: Files,
        settings: Settings,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._access = Access(history, settings, journal, clock)
        self._attachments = Attachments(model, settings)
        self._images = Images(model, files, settings, journal, clock)
        self._history = history
        self._model = model
        self._files = files
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def make_turn(
        self, message: Message, timeline: Timeline, channel: Channel, deadline: Deadline
    ) -> Turn:
        """Answer the message by `deadline`. Returns the turn, not yet stored. Raises Retryable."""
        if message.kind is Kind.STAFF:
            return Turn.of(message, Reply(""), Origin.STAFF)
        progress = Progress(channel, message, self._history, self._journal, self._clock)
        context = Context(
            message,
            timeline,
            channel,
            deadline,
            progress,
            self._history,
            self._files,
            self._settings,
            Spending(),
        )
        if refusal := self._access.check(message, timeline):
            return _refusal_turn(context, refusal)
        with progress:
            context = replace(context, timeline=self._with_earlier(context))
            if message.kind is Kind.COMMAND:
                return self._command(context)
            if message.kind is Kind.UNSUPPORTED:
                return context.notice("unsupported")
            return self._reply(context)

    def fallback(self, message: Message, reason: str) -> Turn:
        """Answer with FALLBACK_TEXT. `reason` is logged."""
        self._journal.count("Failed", channel=message.channel)
        turn = Turn.of(message, self._configured_reply("fallback_text", message), Origin.FALLBACK)
        self._journal.warning("fallback", **log_fields(turn), reason=reason)
        return turn

    def _with_earlier(self, context: Context) -> Timeline:
        """Import the platform's earlier messages into a conversation without turns.

        Failures are logged only: the message is answered without them.
        """
        message, timeline, most = context.message, context.timeline, self._settings.history_turns
        if timeline.turns or timeline.profile.forgotten_before or not most:
            return timeline
        found: Sequence[Turn] = ()
        try:
            found = context.channel.earlier(message, most)
            if found:
                self._history.put_all(found)
        except TurnExists:
            self._journal.info("earlier_known", channel=message.channel)
        except PostRefused as refused:
            self._journal.warning("no_earlier", channel=message.channel, reason=refused.reason)
        return replace(timeline, turns=tuple(reversed(found)))

    def _command(self, context: Context) -> Turn:
        match commands.run(context):
            case commands.Say(reply, links, discard_text):
                turn = replace(context.turn(reply, Origin.COMMAND), links=links)
                return replace(turn, text="", author=Author("")) if discard_text else turn
            case commands.Draw(description, links):
                return replace(self._draw(context, description), links=links)
            case commands.AskAgain(message, links):
                if refusal := self._access.count_use(context.message, "messages"):
                    return _refusal_turn(context, refusal)
                turn = self._ask(replace(context, message=message))
                return replace(turn, key=context.message.key, links=links)

    def _reply(self, context: Context) -> Turn:
        """Read the attachments, then draw in image mode, else ask the model."""
        message = context.message
        # A picture that is described in text alone counts against DAILY_IMAGES instead.
        only_draws = context.image_mode and not message.media
        if not only_draws and (refusal := self._access.count_use(message, "messages")):
            return _refusal_turn(context, refusal)
        try:
            context = self._attachments.read(context)
        except Unfetchable as error:
            self._journal.warning("unread", channel=message.channel, reason=error.reason)
            name = error.reason if error.reason in EXPLAINED_REASONS else "gone"
            return context.notice(name, most=self._settings.max_file_mb)
        except ModelRefused as refused:
            return self._refused_turn(message, refused)
        if context.image_mode and not context.pictures:
            return self._draw(context, context.message.full_text)
        return self._ask(context)

    def _draw(self, context: Context, description: str) -> Turn:
        message = context.message
        if self._settings.image_model == "off":
            return context.notice("images_off")
        if refusal := self._access.count_use(message, "images"):
            return _refusal_turn(context, refusal)
        context.progress.drawing = True
        caption = " ".join(description.split())
        try:
            picture = self._images.draw(message, caption, context.deadline, context.spending)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return replace(context.notice("picture_filtered"), origin=Origin.FILTERED)
        except ModelRefused as refused:
            return self._refused_turn(message, refused)
        text = escaped(caption)
        if context.image_mode:
            text += f"\n\n{context.say('next_picture')}"
        return context.turn(Reply(text, file=picture), Origin.MODEL)

    def _ask(self, context: Context) -> Turn:
        message, began = context.message, self._clock()
        lines = prompt.build(context, began)
        deadline = context.deadline.within(self._settings.model_timeout)
        show = context.progress.show
        try:
            try:
                completion = self._model.answer(lines, deadline.left(), show, context.spending)
            except ContextTooLong:
                lines, too_long = prompt.shorter(lines), lines
                if len(lines) == len(too_long):
                    raise
                completion = self._model.answer(lines, deadline.left(), show, context.spending)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return context.turn(self._configured_reply("filtered_text", message), Origin.FILTERED)
        except ModelRefused as refused:
            return self._refused_turn(message, refused)
        if completion.stopped and not completion.text:
            return context.notice("stopped")
        cut = completion.cut or completion.stopped
        text = unfinished(completion.text) if cut else completion.text
        estimate = 0 if context.pictures else prompt.estimate(lines)
        usage = Usage(completion.model, completion.tokens_in, completion.tokens_out, estimate)
        turn = replace(context.turn(Reply(text), Origin.MODEL), usage=usage)
        self._log_completion(turn, completion, (self._clock() - began) / 1000, len(lines))
        return turn

    def _refused_turn(self, message: Message, refused: ModelRefused) -> Turn:
        self._journal.count("ModelRefused", channel=message.channel)
        if refused.reason in OPERATOR_REASONS:
            self._journal.count("ModelDenied", channel="")
        return self.fallback(message, refused.reason)

    def _configured_reply(self, name: str, message: Message) -> Reply:
        """The text of a setting; its default is translated to the person's language."""
        text: str = getattr(self._settings, name)
        if text != getattr(Settings, name):
            return Reply(text)
        return Reply(say(name, language_of(message, ConversationProfile(), self._settings)))

    def _log_completion(
        self, turn: Turn, completion: Completion, seconds: float, lines: int
    ) -> None:
        tokens = {"tokens_in": completion.tokens_in, "tokens_out": completion.tokens_out}
        for metric, value in (
            ("ModelSeconds", seconds),
            ("TokensIn", completion.tokens_in),
            ("TokensOut", completion.tokens_out),
        ):
            self._journal.count(metric, value, channel=turn.channel)
        self._journal.info(
            "model",
            **log_fields(turn),
            seconds=seconds,
            model=completion.model,
            prompt_lines=lines,
            **tokens,
        )


def _refusal_turn(context: Context, refusal: Refusal) -> Turn:
    """The turn for a refusal, with an empty reply when the refusal has no sentence."""
    if not refusal.name:
        return context.turn(Reply(""), Origin.NOTICE)
    return context.notice(refusal.name, **refusal.facts)
