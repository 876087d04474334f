"""The context that each step of answering a message takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chatbot.conversation.attempt import Deadline
from chatbot.conversation.progress import Progress
from chatbot.core.completion import Spending
from chatbot.core.files import File
from chatbot.core.markdown import escaped
from chatbot.core.message import Message
from chatbot.core.ports import Channel, Files, Memory
from chatbot.core.settings import Settings
from chatbot.core.timeline import Timeline
from chatbot.core.translations import language_of, say
from chatbot.core.turn import Button, Origin, Reply, Turn


@dataclass(frozen=True, slots=True)
class Context:
    """A message with everything that is needed to answer it.

    Each step takes a context and returns a changed one or a turn. `deadline` is when the answer
    must be there; `spending` counts what the model is asked; `pictures` are the attached pictures,
    `unread` the reasons why other attachments are left out. `heard` are the transcripts of
    recordings that are known, by the recording's `source`. `shared` says that the message is merged
    from several that can be answered apart; `can_wait`, that it may still be delivered again for an
    attachment that cannot be loaded now. Example of a step:

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
    spending: Spending
    heard: dict[str, str] = field(default_factory=dict, repr=False)
    shared: bool = False
    can_wait: bool = True
    pictures: tuple[File, ...] = field(default=(), repr=False)
    unread: tuple[str, ...] = ()

    @property
    def language(self) -> str:
        """Code of the language of fixed sentences."""
        return language_of(self.message, self.timeline.profile, self.settings)

    @property
    def image_mode(self) -> bool:
        """Whether every message is a prompt for a picture (/image)."""
        return self.timeline.profile.mode == "image"

    def say(self, name: str, /, **facts: str | int) -> str:
        """The sentence `name` of `translations` with its fields filled, as Markdown.

        Fields that are text, such as names, are shown as they are.
        """
        shown = {
            key: escaped(each) if isinstance(each, str) else each for key, each in facts.items()
        }
        return say(name, self.language, **shown)

    def button(self, name: str, payload: str) -> Button:
        """A button labelled with a sentence of `translations`."""
        return Button(self.say(name), payload)

    def notice(self, name: str, /, **facts: str | int) -> Turn:
        """A turn that answers with a sentence of `translations`, not yet stored."""
        return self.turn(Reply(self.say(name, **facts)), Origin.NOTICE)

    def turn(self, reply: Reply, origin: Origin) -> Turn:
        """A turn that answers the message, not yet stored."""
        return Turn.of(self.message, reply, origin)

    def update_profile(self, **changes: str | bool) -> None:
        """Store changed fields of the conversation's profile. Raises HistoryUnavailable."""
        profile = replace(self.timeline.profile, **changes)  # type: ignore[arg-type]
        self.history.save_profile(self.message.key.conversation, profile)
