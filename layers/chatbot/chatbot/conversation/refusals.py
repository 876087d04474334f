"""The sentences that a person gets where the model does not answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from chatbot.conversation.context import Context
from chatbot.core.errors import (
    ContentFiltered,
    ContextTooLong,
    ModelRefused,
    SpendingExhausted,
    UselessAnswer,
)
from chatbot.core.message import Message, log_fields
from chatbot.core.ports import Journal
from chatbot.core.settings import Settings
from chatbot.core.timeline import ConversationProfile
from chatbot.core.translations import language_of, say
from chatbot.core.turn import Origin, Reply, Turn

OPERATOR_REASONS = ("authentication", "insufficient_quota", "unknown_model")
"""Reasons of ModelRefused that affect all messages until the operator acts; they raise an alarm."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Makes turns without the model, and counts them; shared by the threads of a batch."""

    settings: Settings
    journal: Journal

    def turn(self, context: Context, refused: ModelRefused) -> Turn:
        """Answer with a sentence that says why the model does not.

        Raises `refused` where the messages that share the prompt are to be answered apart.
        """
        message = context.message
        if context.shared and refused.reason not in OPERATOR_REASONS:
            raise refused
        if isinstance(refused, ContentFiltered):
            self.journal.count("Filtered", channel=message.channel)
            return context.turn(self._configured_reply("filtered_text", message), Origin.FILTERED)
        if isinstance(refused, SpendingExhausted):  # an outage: other words would not help
            return self.fallback(message, refused.reason)
        if isinstance(refused, UselessAnswer):
            self.journal.count("Useless", channel=message.channel)
            turn = replace(context.notice("useless"), origin=Origin.FALLBACK)
            self.journal.warning("useless", **log_fields(turn), reason=refused.reason)
            return turn
        self.journal.count("ModelRefused", channel=message.channel)
        if isinstance(refused, ContextTooLong):
            return context.notice("too_long_for_model")
        if refused.reason in OPERATOR_REASONS:
            self.journal.count("ModelDenied", channel="")
        return self.fallback(message, refused.reason)

    def fallback(self, message: Message, reason: str) -> Turn:
        """Answer with FALLBACK_TEXT. `reason` is logged."""
        self.journal.count("Failed", channel=message.channel)
        turn = Turn.of(message, self._configured_reply("fallback_text", message), Origin.FALLBACK)
        self.journal.warning("fallback", **log_fields(turn), reason=reason)
        return turn

    def _configured_reply(self, name: str, message: Message) -> Reply:
        """The text of a setting; its default is translated to the person's language."""
        text: str = getattr(self.settings, name)
        if text != getattr(Settings, name):
            return Reply(text)
        return Reply(say(name, language_of(message, ConversationProfile(), self.settings)))
