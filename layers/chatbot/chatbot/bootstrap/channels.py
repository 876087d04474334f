"""The list of the bot's channels; add a new channel's description here."""

from __future__ import annotations

from chatbot.channels.description import ChannelDescription
from chatbot.channels.messenger.description import MESSENGER
from chatbot.channels.telegram.description import TELEGRAM
from chatbot.channels.web.description import WEB

CHANNELS: tuple[ChannelDescription, ...] = (TELEGRAM, MESSENGER, WEB)
