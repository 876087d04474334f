"""What is said to a message: by a command, by the model, or in a fixed sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from chatbot.conversation import commands, prompt
from chatbot.conversation.access import Access, AccessHistory, Refusal
from chatbot.conversation.attachments import Attachments
from chatbot.conversation.attempt import Deadline
from chatbot.conversation.context import Context
from chatbot.conversation.delivery import facts
from chatbot.conversation.images import Images
from chatbot.conversation.progress import Progress
from chatbot.core.completion import Completion
from chatbot.core.errors import (
    ContentFiltered,
    ContextTooLong,
    ModelRefused,
    PostRefused,
    Unfetchable,
)
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

NOBODY_IS_ANSWERED = ("authentication", "insufficient_quota", "unknown_model")
"""Refusals that concern no single message: until an operator acts, every answer is the fallback."""
UNREAD = ("unsupported", "too_large", "no_recordings")
"""Why something cannot be read, where `translations` has a sentence for it."""


class AnswersHistory(AccessHistory, Memory, Stops, TurnWrites, Protocol):
    """The ports of the table that are used here."""


class Answers:
    """Makes the turn that answers a message; shared by the threads of a batch."""

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

    def to(
        self, message: Message, timeline: Timeline, channel: Channel, deadline: Deadline
    ) -> Turn:
        """The answer, not yet stored, by `deadline`. Raises Retryable."""
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
        )
        if refusal := self._access.refuses(message, timeline):
            return _refuse(context, refusal)
        with progress:
            context = replace(context, timeline=self._with_earlier(context))
            if message.kind is Kind.COMMAND:
                return self._command(context)
            if message.kind is Kind.UNSUPPORTED:
                return context.notice("unsupported")
            return self._reply(context)

    def fallback(self, message: Message, reason: str) -> Turn:
        """The sentence for when there is no answer; it stays out of later prompts."""
        self._journal.count("Failed", channel=message.channel)
        turn = Turn.of(message, self._sentence("fallback_text", message), Origin.FALLBACK)
        self._journal.warning("fallback", **facts(turn), reason=reason)
        return turn

    def _with_earlier(self, context: Context) -> Timeline:
        """Of a conversation that is new to us, what the platform knows becomes its history."""
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
            case commands.Say(reply, links, wordless):
                turn = replace(context.turn(reply, Origin.COMMAND), links=links)
                return replace(turn, text="", author=Author("")) if wordless else turn
            case commands.Draw(words, links):
                return replace(self._draw(context, words), links=links)
            case commands.AskAgain(message, links):
                if refusal := self._access.over(context.message, "messages"):
                    return _refuse(context, refusal)
                turn = self._ask(replace(context, message=message))
                return replace(turn, key=context.message.key, links=links)

    def _reply(self, context: Context) -> Turn:
        """What the mode asks for, once all that was sent along is read."""
        message = context.message
        draws = context.draws and not message.media
        if not draws and (refusal := self._access.over(message, "messages")):
            return _refuse(context, refusal)
        try:
            context = self._attachments.read(context)
        except Unfetchable as error:
            self._journal.warning("unread", channel=message.channel, reason=error.reason)
            name = error.reason if error.reason in UNREAD else "gone"
            return context.notice(name, most=self._settings.max_file_mb)
        except ModelRefused as refused:
            return self._refused(message, refused)
        if context.draws and not context.pictures:
            return self._draw(context, context.message.words)
        return self._ask(context)

    def _draw(self, context: Context, words: str) -> Turn:
        message = context.message
        if self._settings.image_model == "off":
            return context.notice("images_off")
        if refusal := self._access.over(message, "images"):
            return _refuse(context, refusal)
        context.progress.drawing = True
        caption = " ".join(words.split())
        try:
            made = self._images.draw(message, caption, context.deadline)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return replace(context.notice("picture_filtered"), origin=Origin.FILTERED)
        except ModelRefused as refused:
            return self._refused(message, refused)
        if context.draws:
            caption += f"\n\n{context.say('next_picture')}"
        return context.turn(Reply(caption, file=made), Origin.MODEL)

    def _ask(self, context: Context) -> Turn:
        message, began = context.message, self._clock()
        lines = prompt.build(context, began)
        deadline = context.deadline.within(self._settings.model_timeout)
        show = context.progress.show
        try:
            try:
                completion = self._model.answer(lines, deadline.left(), show)
            except ContextTooLong:
                lines, longer = prompt.shorter(lines), lines
                if len(lines) == len(longer):
                    raise
                completion = self._model.answer(lines, deadline.left(), show)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return context.turn(self._sentence("filtered_text", message), Origin.FILTERED)
        except ModelRefused as refused:
            return self._refused(message, refused)
        if completion.stopped and not completion.text:
            return context.notice("stopped")
        text = completion.text + ("…" if completion.cut or completion.stopped else "")
        estimate = 0 if context.pictures else prompt.estimate(lines)
        usage = Usage(completion.model, completion.tokens_in, completion.tokens_out, estimate)
        turn = replace(context.turn(Reply(text), Origin.MODEL), usage=usage)
        self._record(turn, completion, (self._clock() - began) / 1000, len(lines))
        return turn

    def _refused(self, message: Message, refused: ModelRefused) -> Turn:
        self._journal.count("ModelRefused", channel=message.channel)
        if refused.reason in NOBODY_IS_ANSWERED:
            self._journal.count("ModelDenied", channel="")
        return self.fallback(message, refused.reason)

    def _sentence(self, name: str, message: Message) -> Reply:
        """The operator's own, else ours in the person's language."""
        own: str = getattr(self._settings, name)
        if own != getattr(Settings, name):
            return Reply(own)
        return Reply(say(name, language_of(message, ConversationProfile(), self._settings)))

    def _record(self, turn: Turn, completion: Completion, seconds: float, lines: int) -> None:
        tokens = {"tokens_in": completion.tokens_in, "tokens_out": completion.tokens_out}
        for metric, value in (
            ("ModelSeconds", seconds),
            ("TokensIn", completion.tokens_in),
            ("TokensOut", completion.tokens_out),
        ):
            self._journal.count(metric, value, channel=turn.channel)
        self._journal.info(
            "model",
            **facts(turn),
            seconds=seconds,
            model=completion.model,
            prompt_lines=lines,
            **tokens,
        )


def _refuse(context: Context, refusal: Refusal) -> Turn:
    """The sentence of the refusal; one without a name says nothing."""
    if not refusal.name:
        return context.turn(Reply(""), Origin.NOTICE)
    return context.notice(refusal.name, **refusal.facts)
