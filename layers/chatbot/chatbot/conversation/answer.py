"""Make the answer to a message: by a command, by the model, or as a fixed sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from chatbot.conversation import commands
from chatbot.conversation.access import Access, AccessHistory, Refusal
from chatbot.conversation.attachments import Attachments, sentence, size_of, with_unread
from chatbot.conversation.attempt import Deadline
from chatbot.conversation.brought import Brought
from chatbot.conversation.context import Context
from chatbot.conversation.images import Images
from chatbot.conversation.model_answers import ModelAnswers
from chatbot.conversation.progress import Progress
from chatbot.conversation.refusals import Refusals
from chatbot.core.budget import Budget, Share
from chatbot.core.completion import Spending
from chatbot.core.errors import (
    ContentFiltered,
    DrawingUnsupported,
    ModelRefused,
    PostRefused,
    Unfetchable,
)
from chatbot.core.limits import LONGEST_CAPTION, LONGEST_DESCRIPTION
from chatbot.core.markdown import escaped, shortened
from chatbot.core.message import Author, Kind, Message
from chatbot.core.ports import (
    Channel,
    Clock,
    Documents,
    Files,
    Journal,
    Memory,
    Model,
    Stops,
    TurnExists,
    TurnWrites,
)
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.turn import Origin, Reply, Turn


class AnswersHistory(AccessHistory, Memory, Stops, TurnWrites, Protocol):
    """Ports of the conversation table that this module needs."""


class Answers:
    """Makes turns that answer messages; shared by the threads of a batch."""

    def __init__(
        self,
        history: AnswersHistory,
        model: Model,
        files: Files,
        documents: Documents,
        settings: Settings,
        journal: Journal,
        clock: Clock,
        budget: Budget | None = None,
    ) -> None:
        self._access = Access(history, settings, journal, clock)
        budget = budget or Budget()
        self._attachments = Attachments(
            model, documents, settings, budget, self._access.count_recording
        )
        self._brought = Brought(self._attachments)
        self._images = Images(model, files, settings, journal, clock, budget)
        self._refusals = Refusals(settings, journal)
        self._model_answers = ModelAnswers(model, self._refusals, settings, journal, clock)
        self._history = history
        self._files = files
        self._settings = settings
        self._journal = journal
        self._clock = clock

    def make_turn(
        self,
        message: Message,
        timeline: Timeline,
        channel: Channel,
        deadline: Deadline,
        spending: Spending,
        heard: dict[str, str] | None = None,
        *,
        shared: bool = False,
        can_wait: bool = True,
    ) -> Turn:
        """Answer the message by `deadline`. Returns the turn, not yet stored. Raises Retryable.

        `spending` and `heard` are filled with what the message has cost. With `shared` the message
        is merged from several that can be answered apart: then what the model refuses for the
        message's own sake raises ModelRefused instead of being answered with a sentence. Without
        `can_wait`, an attachment that cannot be loaded now is left out.
        """
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
            spending,
            heard if heard is not None else {},
            shared,
            can_wait,
        )
        if refusal := self._access.check(message, timeline):
            return _refusal_turn(context, refusal)
        with progress:
            context = replace(context, timeline=self._with_earlier(context))
            if message.kind is Kind.COMMAND:
                return self._command(context)
            if message.kind is Kind.DROPPED:
                return context.notice("one_at_a_time")
            if message.kind is Kind.UNSUPPORTED:
                return context.notice("unsupported")
            return self._reply(context)

    def fallback(self, message: Message, reason: str) -> Turn:
        """Answer with FALLBACK_TEXT. `reason` is logged."""
        return self._refusals.fallback(message, reason)

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
            self._journal.info("earlier_messages_stored", channel=message.channel)
        except PostRefused as refused:
            self._journal.warning(
                "earlier_messages_unavailable", channel=message.channel, reason=refused.reason
            )
        return replace(timeline, turns=tuple(reversed(found)))

    def _command(self, context: Context) -> Turn:
        key = context.message.key
        match commands.run(context):
            case commands.Say(reply, links, discard_text):
                turn = replace(context.turn(reply, Origin.COMMAND), links=links)
                return replace(turn, text="", author=Author("")) if discard_text else turn
            case commands.Draw(description, links):
                return replace(self._draw(context, description), links=links)
            case commands.AskAgain(message, links):
                if refusal := self._access.count_use(context.message, "messages"):
                    return _refusal_turn(context, refusal)
                context = replace(context, message=message)
                with self._attachments.room_for(message.media, context) as room:
                    context = self._brought.show(context, message.media)
                    room.shrink(size_of(context.pictures))
                    turn = self._model_answers.make_turn(context)
                return replace(turn, key=key, links=links)

    def _reply(self, context: Context) -> Turn:
        """Read the attachments, then draw in image mode, else ask the model."""
        message = context.message
        # A picture that is described in text alone counts against DAILY_IMAGES instead.
        only_draws = context.image_mode and not message.media
        if not only_draws and (refusal := self._access.count_use(message, "messages")):
            return _refusal_turn(context, refusal)
        with self._attachments.room_for(self._brought.all_media(context), context) as room:
            return self._reply_with_attachments(context, room)

    def _reply_with_attachments(self, context: Context, room: Share) -> Turn:
        """Read the attachments within the memory that was taken for them, then answer."""
        message = context.message
        try:
            before = self._brought.before(context)
            context = self._brought.add(self._attachments.read(context), before)
            room.shrink(size_of(context.pictures))
        except Unfetchable as error:
            self._journal.warning(
                "attachment_unreadable", channel=message.channel, reason=error.reason
            )
            return context.turn(Reply(sentence(context, error.reason)), Origin.NOTICE)
        except ModelRefused as refused:
            return self._refusals.turn(context, refused)
        for reason in context.unread:
            self._journal.warning("attachment_unreadable", channel=message.channel, reason=reason)
        if context.image_mode and not context.pictures:
            return with_unread(context, self._draw(context, context.message.full_text))
        return with_unread(context, self._model_answers.make_turn(context))

    def _draw(self, context: Context, description: str) -> Turn:
        message = context.message
        if self._settings.image_model == "off":
            return context.notice("images_off")
        if refusal := self._access.count_use(message, "images"):
            return _refusal_turn(context, refusal)
        context.progress.drawing = True
        caption = shortened(" ".join(description.split()), LONGEST_DESCRIPTION)
        try:
            picture = self._images.draw(message, caption, context.deadline, context.spending)
        except ContentFiltered:
            self._journal.count("Filtered", channel=message.channel)
            return replace(context.notice("picture_filtered"), origin=Origin.FILTERED)
        except DrawingUnsupported:
            return context.notice("images_off")
        except ModelRefused as refused:
            return self._refusals.turn(context, refused)
        text = escaped(shortened(caption, LONGEST_CAPTION))
        if context.image_mode:
            text += f"\n\n{context.say('next_picture')}"
        return context.turn(Reply(text, file=picture), Origin.MODEL)


def _refusal_turn(context: Context, refusal: Refusal) -> Turn:
    """The turn for a refusal, with an empty reply when the refusal has no sentence."""
    if not refusal.name:
        return context.turn(Reply(""), Origin.NOTICE)
    return context.notice(refusal.name, **refusal.facts)
