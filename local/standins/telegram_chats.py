"""The chats of the Telegram stand-in: their messages, and whether the bot can still post there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

ChatState = Literal["blocked", "deactivated", "kicked", "migrated"]

FORBIDDEN = {
    "blocked": "Forbidden: bot was blocked by the user",
    "deactivated": "Forbidden: user is deactivated",
    "kicked": "Forbidden: bot was kicked from the supergroup chat",
}
ENTITY_TYPES = set(
    """mention hashtag cashtag bot_command url email phone_number bold italic underline spoiler
    strikethrough blockquote expandable_blockquote code pre text_link text_mention custom_emoji
    date_time""".split()
)
MOST_ENTITIES = 100
"""Telegram ignores the entities beyond them: python-telegram-bot found it by experiment
(telegram.constants.MessageLimit.MESSAGE_ENTITIES)."""
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same"
    " as a current content and reply markup of the message"
)


class ChatError(Exception):
    """A refusal with Telegram's description: "Bad Request: …" with status 400.

    `parameters` are those of the Bot API's ResponseParameters.
    """

    def __init__(self, problem: str, status: int = 400, **parameters: int) -> None:
        super().__init__(f"Bad Request: {problem}" if status == 400 else problem)
        self.status, self.parameters = status, parameters


@dataclass
class Chat:
    """A chat and its messages, by message id."""

    info: dict[str, Any]  # a Bot API Chat
    announced: bool = False  # an update of the chat was registered: all message ids are known
    state: ChatState | None = None
    migrated_to: int = 0
    next_id: int = 1
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    ephemeral: set[int] = field(default_factory=set)
    """Ids of messages that one person and the bot see for a while; they have no other id."""
    draft: dict[str, Any] | None = None  # of the bot's streamed message, until that is sent

    @classmethod
    def of(cls, chat_id: int) -> Chat:
        """A new chat: of a group where the id is negative, else private."""
        if chat_id < 0:
            return cls({"id": chat_id, "type": "supergroup", "title": "Group"})
        return cls({"id": chat_id, "type": "private", "first_name": "Person"})

    def take_id(self) -> int:
        """The next unused message id."""
        self.next_id += 1
        return self.next_id - 1

    def learn(self, message: dict[str, Any]) -> None:
        """Register a person's message."""
        self.info, self.announced = message["chat"], True
        if "ephemeral_message_id" in message:
            self.ephemeral.add(message["ephemeral_message_id"])
            return
        self.messages.setdefault(message["message_id"], message)
        self.next_id = max(self.next_id, message["message_id"] + 1)

    def check_open(self, strict: bool) -> None:
        """Raise ChatError where the bot cannot post: blocked, migrated, or (`strict`) unknown."""
        if self.state == "migrated":
            problem = "group chat was upgraded to a supergroup chat"
            raise ChatError(problem, migrate_to_chat_id=self.migrated_to)
        if self.state:
            raise ChatError(FORBIDDEN[self.state], 403)
        if strict and not self.announced:
            raise ChatError("chat not found")

    def find(self, params: dict[str, Any], purpose: str) -> dict[str, Any]:
        """The message with the call's `message_id`. Raises ChatError where it does not exist.

        Where not all ids are known, an unknown message is taken to exist, with its id only.
        """
        message = self.messages.get(params["message_id"])
        if message is None and (self.announced or purpose == "edit"):
            raise ChatError(f"message to {purpose} not found")
        return message or {"message_id": params["message_id"]}

    def post(
        self, sender: dict[str, Any], params: dict[str, Any], content: dict[str, Any]
    ) -> dict[str, Any]:
        """Add a message of the bot and return it. `params` are the call's."""
        message: dict[str, Any] = {"from": sender, "chat": self.info, "date": int(time.time())}
        message |= as_telegram_keeps(content)
        message |= _markup(params)
        message |= self._replied(params)
        if "message_thread_id" in params:
            message |= {"message_thread_id": params["message_thread_id"], "is_topic_message": True}
        if "ephemeral_message_parameters" in params:
            return message | self._ephemeral_ids(params["ephemeral_message_parameters"])
        message["message_id"] = self.take_id()
        self.draft = None
        self.messages[message["message_id"]] = message
        return message

    def _replied(self, params: dict[str, Any]) -> dict[str, Any]:
        """The message that a post replies to (Bot API, ReplyParameters)."""
        reply = params.get("reply_parameters")
        if reply is None:
            return {}
        if "ephemeral_message_id" in reply:
            if "ephemeral_message_parameters" not in params:
                raise ChatError("a reply to an ephemeral message must be ephemeral")
            if reply["ephemeral_message_id"] not in self.ephemeral:
                raise ChatError("message to be replied not found")
            return {}  # "may be omitted" (Bot API, Message, reply_to_message)
        if "message_id" not in reply:
            raise ChatError("message to be replied is not specified")
        if reply["message_id"] not in self.messages and _lenient(reply):
            return {}
        target = self.find(reply, "be replied")
        if len(target) == 1:
            return {}
        return {"reply_to_message": {k: v for k, v in target.items() if k != "reply_to_message"}}

    def _ephemeral_ids(self, given: dict[str, Any]) -> dict[str, Any]:
        """The ids of an ephemeral post, which is not kept (Bot API, Message, message_id).

        Telegram takes them in groups only (Bot API 10.2, sendMessage, receiver_user_id).
        """
        if self.info["type"] not in ("group", "supergroup"):
            raise ChatError("ephemeral messages are for groups only")
        number = max(self.ephemeral, default=0) + 1
        self.ephemeral.add(number)
        receiver = {"id": given["receiver_user_id"], "is_bot": False, "first_name": "Person"}
        return {"message_id": 0, "ephemeral_message_id": number, "receiver_user": receiver}

    def edit(
        self, sender: dict[str, Any], params: dict[str, Any], content: dict[str, Any]
    ) -> dict[str, Any]:
        """Replace a message's content or buttons. Raises ChatError where Telegram refuses."""
        target = self.find(params, "edit")
        if target.get("from") != sender:
            raise ChatError("message can't be edited")
        replaced = {"reply_markup", "entities"} if content else {"reply_markup"}
        kept = {name: value for name, value in target.items() if name not in replaced}
        edited = {**kept, **as_telegram_keeps(content), **_markup(params)}
        if edited == target:
            raise ChatError(NOT_MODIFIED)
        edited["edit_date"] = int(time.time())
        self.messages[params["message_id"]] = edited
        return edited


def check_text(text: str, entities: list[dict[str, Any]], limit: int) -> None:
    """Check a text's length and entities, in UTF-16 units (Bot API, MessageEntity).

    Raises ChatError.
    """
    units = text.encode("utf-16-le")
    if len(units) > 2 * limit:
        raise ChatError("message is too long" if limit > 1024 else "message caption is too long")
    for entity in entities:
        start, end = entity["offset"], entity["offset"] + entity["length"]
        if entity["type"] not in ENTITY_TYPES:
            raise ChatError("unsupported type of MessageEntity")
        if entity["type"] == "text_link" and not entity.get("url"):
            raise ChatError('field "url" of MessageEntity must be specified')
        if not 0 <= start < end <= len(units) // 2:
            raise ChatError("ENTITY_BOUNDS_INVALID")
        for edge, verb in ((start, "begins"), (end, "ends")):
            if 2 * edge < len(units) and 0xDC <= units[2 * edge + 1] <= 0xDF:
                raise ChatError(f"entity {verb} in a middle of a UTF-16 symbol at offset {edge}")


def _lenient(reply: dict[str, Any]) -> bool:
    return bool(reply.get("allow_sending_without_reply"))


def as_telegram_keeps(content: dict[str, Any]) -> dict[str, Any]:
    """The content with the entities that Telegram keeps."""
    lists = {name: each[:MOST_ENTITIES] for name, each in content.items() if "entities" in name}
    return {**content, **lists}


def _markup(params: dict[str, Any]) -> dict[str, Any]:
    markup = params.get("reply_markup", {})
    return {"reply_markup": markup} if "inline_keyboard" in markup else {}
