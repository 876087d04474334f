"""Load attachments for the model: pictures as they are, recordings and documents as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from chatbot.conversation.context import Context
from chatbot.core.budget import Budget, Share
from chatbot.core.errors import (
    ContentFiltered,
    InputUnsupported,
    ModelRefused,
    PostRefused,
    Unfetchable,
    UselessAnswer,
)
from chatbot.core.file_types import PICTURES, RECORDINGS
from chatbot.core.files import File
from chatbot.core.limits import (
    LONGEST_TRANSCRIPT,
    MOST_PICTURE_BYTES,
    PDF_RESIDENT,
    in_base64,
)
from chatbot.core.message import Media, Message
from chatbot.core.ports import Documents, Model
from chatbot.core.recordings import minutes_of
from chatbot.core.settings import Settings
from chatbot.core.text import storable
from chatbot.core.turn import Turn

EXPLAINED_REASONS = frozenset(
    "unsupported too_large daily_recordings no_pictures no_recordings picture_form recording_form"
    " pdf_protected pdf_without_text pdf_unreadable office archive".split()
)
"""Reasons of Unfetchable for which `translations` has a sentence; all others get "gone"."""

CountRecording = Callable[[Message, str, int], bool]
"""Counts the minutes of a recording for its sender; False when they exceed the daily limit."""

_FORMS = {"photo": ("image/", "picture_form"), "audio": ("audio/", "recording_form")}
"""How the media type of such an attachment begins, and why another one is not read."""
_LEAST_TIME = 15.0  # seconds that must be left for the answer to load a further attachment


@dataclass(frozen=True, slots=True)
class Attachments:
    """Downloads and converts attachments; shared by the threads of a batch."""

    model: Model
    documents: Documents
    settings: Settings
    budget: Budget = field(default_factory=Budget)
    count_recording: CountRecording = lambda message, source, minutes: True

    def room_for(self, media: Sequence[Media], context: Context) -> Share:
        """Take the memory that these attachments may need from what all conversations share.

        All at once, as `Budget` says; pictures until the model has answered. Raises MemoryBusy when
        it is not free while there is time to load and answer them.
        """
        sizes = {"photo": 0, "document": 0, "audio": 0}
        for each in media:
            known = each.size or self.settings.max_file_mb * 1_000_000
            sizes[each.kind] = sizes.get(each.kind, 0) + in_base64(known)
        one = in_base64(self.settings.max_file_mb * 1_000_000)
        # A document may be a picture, or a PDF that is read by a process; of recordings, one at a
        # time is held, beside the pictures.
        size = min(sizes["photo"] + sizes["document"], MOST_PICTURE_BYTES + one)
        size += PDF_RESIDENT if sizes["document"] else 0
        size += min(sizes["audio"], one)
        seconds = max(0.0, context.deadline.left() - _LEAST_TIME) if size else 0.0
        return self.budget.take(size, seconds)

    def read(self, context: Context) -> Context:
        """Return the context with the attachments' text in its message, and with its pictures.

        The text replaces each attachment's placeholder, and is cut rather than the person's words.
        An attachment that cannot be read is left out, and the reason added to `context.unread`; of
        an album that is too large or slow to load, the last ones are left out. Of the message's
        attachments, the pictures stay. Raises Unfetchable when nothing else was sent, PostRefused
        (a download failed for now), ModelUnavailable, ModelRefused (the transcription did).
        """
        message, unread = context.message, list(context.unread)
        rest = message.text
        left = self.settings.max_input - len(rest)
        text, pictures, something = "", list(context.pictures), False
        shown: list[Media] = []
        for number, media in enumerate(message.media):
            try:
                # A recording that there is no time for is transcribed by the next delivery.
                if number and media.kind != "audio" and not has_room(context, pictures):
                    raise Unfetchable("no_room")
                content, picture = self.read_one(media, context)
                if picture:
                    pictures.append(picture)
                    shown.append(replace(media, kind="photo"))
                content = content[: max(left, 0) + len(media.mark)]
                left -= len(content) - len(media.mark)
                something = True
            except Unfetchable as error:
                unread.append(error.reason)
                content = left_out(media)
            before, found, after = rest.partition(media.mark)
            text += f"{before}{content}" if found else f"{content} "
            something = something or bool(found and before.strip())
            rest = after if found else rest
        if unread and not (something or rest.strip() or message.more.strip()):
            raise Unfetchable(unread[0])
        text = f"{text}{rest}"[: self.settings.max_input]
        message = replace(message, text=text, media=tuple(shown))
        unread = list(dict.fromkeys(unread))
        return replace(context, message=message, pictures=tuple(pictures), unread=tuple(unread))

    def read_one(self, media: Media, context: Context) -> tuple[str, File | None]:
        """The attachment as text and, if it is a picture, the picture.

        Raises like `read`.
        """
        taken = self.settings.model_inputs
        if media.kind == "photo" and "image" not in taken:
            raise Unfetchable("no_pictures")
        if media.kind == "audio" and not self._listens():
            raise Unfetchable("no_recordings")
        if not media.source:
            raise Unfetchable("gone")
        if media.size > self.settings.max_file_mb * 1_000_000:
            raise Unfetchable("too_large")
        try:
            return self._converted(context.channel.load(media), media, context)
        except PostRefused as refused:
            if context.can_wait:
                raise
            raise Unfetchable(refused.reason) from None

    def _converted(self, file: File, media: Media, context: Context) -> tuple[str, File | None]:
        """What `read_one` returns, of a file that was loaded. Raises likewise."""
        taken = self.settings.model_inputs
        begins, reason = _FORMS.get(media.kind, ("", ""))
        if not file.type.startswith(begins):  # there is no memory for what else it may be
            raise Unfetchable(reason)
        if file.type.startswith("image/"):
            if "image" not in taken:
                raise Unfetchable("no_pictures")
            if file.type not in PICTURES:
                raise Unfetchable("picture_form")
            return "[picture]", file
        if file.type.startswith("audio/"):
            if not self._listens():
                raise Unfetchable("no_recordings")
            return self._transcript(file, media.source, context) or media.mark, None
        seconds = context.deadline.within(self.settings.model_timeout).left()
        text = self.documents.text_of(file, self.settings.max_input, seconds)
        return f"{media.mark}\n{text}\n", None

    def _listens(self) -> bool:
        """Whether recordings are transcribed."""
        return "audio" in self.settings.model_inputs and self.settings.transcribe_model != "off"

    def _transcript(self, recording: File, source: str, context: Context) -> str:
        """The recording's words. They are noted at once, so that no later delivery pays again."""
        if source in context.heard:
            return context.heard[source]
        if recording.type not in RECORDINGS:
            raise Unfetchable("recording_form")
        minutes = minutes_of(recording.content, recording.type)
        if not self.count_recording(context.message, source, minutes):
            raise Unfetchable("daily_recordings")
        spending = context.spending
        seconds = context.deadline.within(self.settings.model_timeout).left()
        paid_before = spending.paid
        try:
            words = self.model.transcribe(recording, seconds, spending)
            context.heard[source] = storable(words[:LONGEST_TRANSCRIPT])
        except InputUnsupported:
            raise Unfetchable("no_recordings") from None
        except UselessAnswer as useless:
            context.heard[source] = ""  # and it is not asked for again
            spending.settle_recording(spending.paid - paid_before)
            raise Unfetchable(useless.reason) from None
        except ContentFiltered:
            raise
        except ModelRefused as refused:
            if refused.reason == "bad_request":  # the server cannot decode it
                raise Unfetchable("recording_form") from None
            raise
        spending.settle_recording(spending.paid - paid_before)
        return context.heard[source]


def sentence(context: Context, reason: str) -> str:
    """What the person is told of an attachment that could not be read."""
    name = reason if reason in EXPLAINED_REASONS else "gone"
    settings = context.settings
    most = settings.daily_recordings if name == "daily_recordings" else settings.max_file_mb
    return context.say(name, most=most)


def with_unread(context: Context, turn: Turn) -> Turn:
    """The turn with a sentence before its text for each reason why an attachment is left out."""
    sentences = [sentence(context, reason) for reason in context.unread]
    text = "\n\n".join(filter(None, [*sentences, turn.reply.text]))
    return replace(turn, reply=replace(turn.reply, text=text)) if sentences else turn


def has_room(context: Context, pictures: Sequence[File]) -> bool:
    """Whether there is time to load one more attachment beside these pictures, and room for it."""
    return context.deadline.left() >= _LEAST_TIME and size_of(pictures) < MOST_PICTURE_BYTES


def size_of(pictures: Sequence[File]) -> int:
    """Bytes of the pictures in base64."""
    return sum(in_base64(len(picture.content)) for picture in pictures)


def left_out(media: Media) -> str:
    """What the model is told of an attachment that is left out."""
    return f"{media.mark[:-1]}, which could not be read]"
