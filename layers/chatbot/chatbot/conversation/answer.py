"""What is said to a message: by a command, by the model, or in a fixed sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chatbot.conversation import commands, prompt
from chatbot.conversation.access import Gate, Refusal
from chatbot.conversation.attachments import Attachments
from chatbot.conversation.delivery import facts
from chatbot.conversation.images import Drawing
from chatbot.conversation.progress import Live
from chatbot.core.completion import Completion
from chatbot.core.errors import (
    ContentFiltered,
    ContextTooLong,
    ModelRefused,
    PostRefused,
    Unfetchable,
)
from chatbot.core.message import Author, Kind, Message
from chatbot.core.ports import Channel, Clock, Files, History, Journal, Model, TurnExists
from chatbot.core.settings import Settings
from chatbot.core.timeline import Person, Window
from chatbot.core.translations import language_of, say
from chatbot.core.turn import Origin, Reply, Turn

NOBODY_IS_ANSWERED = ("authentication", "insufficient_quota", "unknown_model")
"""Refusals that concern no single message: until an operator acts, every answer is the fallback."""
UNREAD = ("unsupported", "too_large", "no_recordings")
"""Why something cannot be read, where translations.py has a sentence for it."""


class Answers:
    """Makes the turn that answers a message; shared by the threads of a batch."""

    def __init__(
        self,
        history: History,
        model: Model,
        files: Files,
        settings: Settings,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._gate = Gate(history, settings, journal, clock)
        self._attachments = Attachments(model, settings, clock)
        self._drawing = Drawing(model, files, settings, journal, clock)
        self._history = history
        self._model = model
        self._files = files
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def to(self, message: Message, window: Window, channel: Channel, seconds: float) -> Turn:
        """The answer, not yet stored, within `seconds`. Raises Retryable."""
        if message.kind is Kind.STAFF:
            return Turn.of(message, Reply(""), Origin.STAFF)
        if refusal := self._gate.refuses(message, window):
            return self._turned_away(message, window, refusal)
        ends = self._clock() + seconds * 1000
        with Live(channel, message, self._history, self._journal, self._clock) as live:
            window = self._with_earlier(message, window, channel)
            seconds = (ends - self._clock()) / 1000
            if message.kind is Kind.COMMAND:
                return self._command(message, window, channel, live, seconds)
            if message.kind is Kind.UNSUPPORTED:
                return self._notice(message, window, "unsupported")
            return self._reply(message, window, channel, live, seconds)

    def _with_earlier(self, message: Message, window: Window, channel: Channel) -> Window:
        """Of a conversation that is new to us, what the platform knows becomes its history."""
        most = self._settings.history_turns
        if window.turns or window.person.forgotten_before or not most:
            return window
        found: Sequence[Turn] = ()
        try:
            found = channel.earlier(message, most)
            if found:
                self._history.put_all(found)
        except TurnExists:
            self._journal.hop("earlier_known", channel=message.channel)
        except PostRefused as refused:
            self._journal.trouble("no_earlier", channel=message.channel, reason=refused.reason)
        return replace(window, turns=tuple(reversed(found)))

    def _command(
        self, message: Message, window: Window, channel: Channel, live: Live, seconds: float
    ) -> Turn:
        context = commands.Context(
            message, window, channel, self._history, self._files, self._settings
        )
        result = commands.run(context)
        refusal = self._gate.over(message, "messages") if result.again else None
        if refusal:
            return self._turned_away(message, window, refusal)
        if result.again:
            turn = replace(self._ask(result.again, window, live, seconds), key=message.key)
        elif result.draw:
            turn = self._draw(message, window, result.draw, live, seconds)
        else:
            turn = Turn.of(message, result.reply, Origin.COMMAND)
        if result.wordless:
            turn = replace(turn, text="", author=Author(""))
        return replace(
            turn,
            fresh_start=result.fresh_start,
            resumed=result.resumed,
            replaces=result.replaces,
        )

    def fallback(self, message: Message, reason: str) -> Turn:
        """The sentence for when there is no answer; it stays out of later prompts."""
        self._journal.count("Failed", channel=message.channel)
        turn = Turn.of(message, self._sentence("fallback_text", message), Origin.FALLBACK)
        self._journal.trouble("fallback", **facts(turn), reason=reason)
        return turn

    def _sentence(self, name: str, message: Message) -> Reply:
        """The operator's own, else ours in the person's language."""
        own: str = getattr(self._settings, name)
        if own != getattr(Settings, name):
            return Reply(own)
        return Reply(say(name, language_of(message, Person(), self._settings)))

    def _notice(self, message: Message, window: Window, name: str, **facts: str | int) -> Turn:
        language = language_of(message, window.person, self._settings)
        return Turn.of(message, Reply(say(name, language, **facts)), Origin.NOTICE)

    def _turned_away(self, message: Message, window: Window, refusal: Refusal) -> Turn:
        if not refusal.name:
            return Turn.of(message, Reply(""), Origin.NOTICE)
        return self._notice(message, window, refusal.name, **refusal.facts)

    def _reply(
        self, message: Message, window: Window, channel: Channel, live: Live, seconds: float
    ) -> Turn:
        """What the mode asks for, once all that was sent along is read."""
        ends = self._clock() + seconds * 1000
        draws = window.person.mode == "image" and not message.media
        if not draws and (refusal := self._gate.over(message, "messages")):
            return self._turned_away(message, window, refusal)
        try:
            message, pictures = self._attachments.read(message, channel, seconds)
        except Unfetchable as error:
            self._journal.trouble("unread", channel=message.channel, reason=error.reason)
            name = error.reason if error.reason in UNREAD else "gone"
            return self._notice(message, window, name, most=self._settings.max_file_mb)
        except ModelRefused as refused:
            return self._refused(message, refused)
        seconds = (ends - self._clock()) / 1000
        if window.person.mode == "image" and not pictures:
            return self._draw(message, window, message.words, live, seconds)
        return self._ask(message, window, live, seconds, pictures)

    def _draw(
        self, message: Message, window: Window, words: str, live: Live, seconds: float
    ) -> Turn:
        if self._settings.image_model == "off":
            return self._notice(message, window, "images_off")
        if refusal := self._gate.over(message, "images"):
            return self._turned_away(message, window, refusal)
        live.drawing = True
        caption = " ".join(words.split())
        try:
            made = self._drawing.of(message, caption, seconds)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            notice = self._notice(message, window, "picture_filtered")
            return replace(notice, origin=Origin.FILTERED)
        except ModelRefused as refused:
            return self._refused(message, refused)
        if window.person.mode == "image":
            language = language_of(message, window.person, self._settings)
            caption += f"\n\n{say('next_picture', language)}"
        return Turn.of(message, Reply(caption, made=made), Origin.MODEL)

    def _refused(self, message: Message, refused: ModelRefused) -> Turn:
        self._journal.count("ModelRefused", channel=message.channel)
        if refused.reason in NOBODY_IS_ANSWERED:
            self._journal.count("ModelDenied", channel="")
        return self.fallback(message, refused.reason)

    def _ask(
        self,
        message: Message,
        window: Window,
        live: Live,
        seconds: float,
        pictures: tuple[str, ...] = (),
    ) -> Turn:
        asked = self._clock()
        lines = prompt.build(message, window, self._settings, asked)
        lines[-1] = replace(lines[-1], pictures=pictures)
        try:
            seconds = min(self._settings.model_timeout, seconds)
            try:
                completion = self._model.answer(lines, seconds, live.show)
            except ContextTooLong:
                lines, longer = prompt.shorter(lines), lines
                if len(lines) == len(longer):
                    raise
                left = seconds - (self._clock() - asked) / 1000
                completion = self._model.answer(lines, left, live.show)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return Turn.of(message, self._sentence("filtered_text", message), Origin.FILTERED)
        except ModelRefused as refused:
            return self._refused(message, refused)
        if completion.stopped and not completion.text:
            return self._notice(message, window, "stopped")
        text = completion.text + ("…" if completion.cut or completion.stopped else "")
        turn = replace(
            Turn.of(message, Reply(text), Origin.MODEL),
            model=completion.model,
            tokens_in=completion.tokens_in,
            tokens_out=completion.tokens_out,
            estimate=0 if pictures else prompt.estimate(lines),
        )
        self._tell(turn, completion, (self._clock() - asked) / 1000, len(lines))
        return turn

    def _tell(self, turn: Turn, completion: Completion, seconds: float, lines: int) -> None:
        tokens = {"tokens_in": completion.tokens_in, "tokens_out": completion.tokens_out}
        for metric, value in (
            ("ModelSeconds", seconds),
            ("TokensIn", completion.tokens_in),
            ("TokensOut", completion.tokens_out),
        ):
            self._journal.count(metric, value, channel=turn.channel)
        self._journal.hop(
            "model",
            **facts(turn),
            seconds=seconds,
            model=completion.model,
            prompt_lines=lines,
            **tokens,
        )
