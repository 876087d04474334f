"""What a step of answering is given: one message, and what may be done about it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chatbot.conversation.attempt import Deadline
from chatbot.conversation.progress import Progress
from chatbot.core.message import Message
from chatbot.core.ports import Channel, Files, Memory
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.translations import language_of, say
from chatbot.core.turn import Button, Origin, Reply, Turn


@dataclass(frozen=True, slots=True)
class Context:
    """One message on its way to its answer. Each step takes it, and returns another or a turn.

    `deadline` is the moment by which the answer must be there; `pictures` are `data:` addresses of
    what was sent along. Example of a step:

        def images_off(context: Context) -> Turn:
            return context.notice("images_off")
    """

    message: Message
    timeline: Timeline
    channel: Channel
    deadline: Deadline
    progress: Progress
    history: Memory
    files: Files
    settings: Settings
    pictures: tuple[str, ...] = field(default=(), repr=False)

    @property
    def language(self) -> str:
        """The language in which our own sentences are said."""
        return language_of(self.message, self.timeline.profile, self.settings)

    @property
    def draws(self) -> bool:
        """Whether every message is a prompt for a picture (/image)."""
        return self.timeline.profile.mode == "image"

    def say(self, name: str, /, **facts: str | int) -> str:
        """The sentence `name` of `translations`, filled with `facts`."""
        return say(name, self.language, **facts)

    def button(self, name: str, payload: str) -> Button:
        """A button labelled with a sentence of ours."""
        return Button(self.say(name), payload)

    def notice(self, name: str, /, **facts: str | int) -> Turn:
        """The turn that answers with a fixed sentence."""
        return self.turn(Reply(self.say(name, **facts)), Origin.NOTICE)

    def turn(self, reply: Reply, origin: Origin) -> Turn:
        """The turn that answers the message, not yet stored."""
        return Turn.of(self.message, reply, origin)

    def choose(self, **changes: str | bool) -> None:
        """Keep what was chosen in the profile. Raises HistoryUnavailable."""
        profile = replace(self.timeline.profile, **changes)  # type: ignore[arg-type]
        self.history.save_profile(self.message.key.conversation, profile)
