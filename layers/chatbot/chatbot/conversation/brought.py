"""Show the model attachments of other messages: of the one replied to, of the turn before.

A person who replies to a picture, or asks on after one, means that picture. The platform still has
it: a turn stores where (`Turn.media`), never the picture. What the platform no longer gives, or not
in time, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chatbot.conversation.attachments import Attachments, has_room, left_out
from chatbot.conversation.context import Context
from chatbot.core.errors import PostRefused, Unfetchable
from chatbot.core.message import Media
from chatbot.core.turn import Turn

SHOWN_AGAIN = 600
"""Seconds for which a picture is shown again with the next message, and only with that one: every
time costs as many tokens as the first."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Adds such attachments to the context; shared by the threads of a batch."""

    attachments: Attachments

    def add(self, context: Context, before: Sequence[Media]) -> Context:
        """Add those of the message replied to; without any picture, those of the turn before.

        `before` is what `before` returned for the message as it came. Raises PostRefused,
        ModelUnavailable, ModelRefused for the message that is replied to, as for the message's own.
        """
        for number, media in enumerate(context.message.reply_to.media):
            further = media.kind != "audio" and bool(number or context.pictures)
            if further and not has_room(context, context.pictures):
                context = self._with_replied(context, left_out(media))
            else:
                context = self._add_replied(context, media)
        return context if context.pictures or context.unread else self.show(context, before)

    def all_media(self, context: Context) -> tuple[Media, ...]:
        """All attachments that may be loaded to answer the message, its own included."""
        message = context.message
        return (*message.media, *message.reply_to.media, *self.before(context))

    def before(self, context: Context) -> tuple[Media, ...]:
        """The pictures of the turn before, as far as the message may mean them.

        It means its own picture, what it replies to, or its own words as a prompt for a picture.
        """
        message = context.message
        own = message.reply_to.media or any(media.kind == "photo" for media in message.media)
        before = None if own or context.image_mode else _turn_before(context)
        return before.media if before else ()

    def show(self, context: Context, pictures: Sequence[Media]) -> Context:
        """Add pictures of an earlier turn, as far as they can be loaded now."""
        shown = list(context.pictures)
        for media in pictures:
            if not has_room(context, shown):
                break
            with suppress(Unfetchable, PostRefused):
                if picture := self.attachments.read_one(media, context)[1]:
                    shown.append(picture)
        return replace(context, pictures=tuple(shown))

    def _add_replied(self, context: Context, media: Media) -> Context:
        """Load an attachment of the message replied to. Raises like `add`."""
        try:
            content, picture = self.attachments.read_one(media, context)
        except Unfetchable:
            return self._with_replied(context, left_out(media))
        context = self._with_replied(context, content)
        if picture is None:
            return context
        shown = (*context.message.media, replace(media, kind="photo"))
        message = replace(context.message, media=shown)
        return replace(context, message=message, pictures=(*context.pictures, picture))

    def _with_replied(self, context: Context, content: str) -> Context:
        """Put the text in a line before the message's, cut to MAX_INPUT."""
        message = context.message
        left = max(0, self.attachments.settings.max_input - len(message.text) - 1)
        text = f"{content.strip()[:left]}\n{message.text}".strip()
        return replace(context, message=replace(message, text=text))


def _turn_before(context: Context) -> Turn | None:
    """The exchange right before the message, if it is recent and the model is shown it at all."""
    settings, key = context.settings, context.message.key
    seconds = min(SHOWN_AGAIN, settings.history_max_age)
    oldest = key.occurred_at - int(seconds * 1000)
    return next(context.timeline.remembered(key, oldest, min(1, settings.history_turns)), None)
