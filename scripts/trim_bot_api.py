"""Make `local/standins/bot-api.json`, the facts of the Telegram stand-in.

Run it as `python scripts/trim_bot_api.py FULL.json`.
FULL.json is the machine-readable Bot API 10.1 (PaulSonOfLars/telegram-bot-api-spec, MIT) as
{"methods" | "types": {name: {"fields": {name: {"types": […], "required": bool}}, "subtypes": […],
"returns": […]}}}. Only the methods that the stand-in serves are kept, and the types that these and
Update refer to.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

METHODS = """getMe setWebhook deleteWebhook getWebhookInfo getUpdates sendMessage sendMessageDraft
    editMessageText editMessageReplyMarkup sendChatAction sendPhoto sendDocument
    answerCallbackQuery setMyCommands getMyCommands setMessageReaction getFile getChatMember"""
ACTIONS = """typing upload_photo record_video upload_video record_voice upload_voice upload_document
    choose_sticker find_location record_video_note upload_video_note"""
# What FULL.json lacks: limits from the documentation, and additions of Bot API 10.2 and 10.3 as
# the documentation of aiogram (docs.aiogram.dev) and grammY (grammy.dev/ref) quotes them.
ADDED = {
    "setWebhook": {
        # A self-hosted Bot API server accepts plain HTTP on the same machine.
        "url": "!String~(https://.+)?|String~http://127\\.0\\.0\\.1.*",
        "max_connections": "Integer<=100",
        "secret_token": "String~[A-Za-z0-9_-]{1,256}",
    },
    "sendMessageDraft": {"can_stop": "Boolean", "keep_on_stop": "Boolean"},
    "sendChatAction": {"action": "!=" + "|=".join(ACTIONS.split())},
    "answerCallbackQuery": {"text": "String<=200"},
    "setMyCommands": {"commands": "!Array of BotCommand<=100"},
    "BotCommand": {
        "command": "!String~[a-z0-9_]{1,32}",
        "description": "!String~.{1,256}",
        "is_ephemeral": "Boolean",
    },
    "sendMessage": {"ephemeral_message_parameters": "EphemeralMessageParameters"},
    "sendPhoto": {"ephemeral_message_parameters": "EphemeralMessageParameters"},
    "sendDocument": {"ephemeral_message_parameters": "EphemeralMessageParameters"},
    "Message": {
        "receiver_user": "User",
        "ephemeral_message_id": "Integer",
        "community_chat_added": "CommunityChatAdded",
        "community_chat_joined": "CommunityChatJoined",
        "community_chat_removed": "CommunityChatRemoved",
    },
    # Of both ids one is required; local/standins/telegram_chats.py checks it.
    "ReplyParameters": {"message_id": "Integer", "ephemeral_message_id": "Integer"},
    "InlineKeyboardButton": {"disabled": "DisabledButton"},
    "InlineKeyboardMarkup": {"force_reply": "Boolean"},
    "ReplyKeyboardMarkup": {"force_reply": "Boolean"},
    "ChatAdministratorRights": {"can_send_welcome_messages": "!Boolean"},
    "ChatMemberAdministrator": {"can_send_welcome_messages": "!Boolean"},
    "UniqueGiftInfo": {
        "text": "String",
        "entities": "Array of MessageEntity",
        "is_private": "Boolean",
    },
    # The product posts no rich messages: their blocks are not described further.
    "InputRichMessage": {"blocks": "Array of Object", "media": "Array of Object"},
    "RichBlockTable": {"is_compact": "Boolean"},
    "Update": {
        "stopped_message_generation": "StoppedMessageGeneration",
        "subscription": "BotSubscriptionUpdated",
    },
    "StoppedMessageGeneration": {
        "chat": "!Chat",
        "draft_id": "!Integer",
        "message_thread_id": "Integer",
    },
    "BotSubscriptionUpdated": {
        "user": "!User",
        "invoice_payload": "!String",
        "state": "!=canceled|=active|=failed",
    },
    "EphemeralMessageParameters": {
        "receiver_user_id": "!Integer",
        "callback_query_id": "String",
        "replace_callback_query_message": "Boolean",
    },
    "Community": {"id": "!Integer", "name": "!String"},
    "CommunityChatAdded": {"community": "!Community"},
    "CommunityChatJoined": {"community": "!Community"},
    "CommunityChatRemoved": {},
    "DisabledButton": {},
    "RichBlockButtons": {
        "type": "!String",
        "buttons": "!Array of RichMessageButton",
        "align": "String",
    },
    "RichBlockDocument": {
        "type": "!String",
        "document": "!Document",
        "caption": "RichBlockCaption",
    },
    "RichBlockExpandableBlockQuotation": {
        "type": "!String",
        "text": "!RichText",
        "credit": "RichText",
    },
    "RichTextButton": {"type": "!String", "button": "!RichMessageButton"},
    "RichMessageButton": {
        "text": "!RichText",
        "style": "String",
        "url": "String",
        "callback_data": "String",
        "web_app": "WebAppInfo",
        "login_url": "LoginUrl",
        "switch_inline_query": "String",
        "switch_inline_query_current_chat": "String",
        "switch_inline_query_chosen_chat": "SwitchInlineQueryChosenChat",
        "copy_text": "CopyTextButton",
        "disabled": "DisabledButton",
    },
}
ADDED_SUBTYPES = {
    "RichBlock": ["RichBlockButtons", "RichBlockDocument", "RichBlockExpandableBlockQuotation"],
    "RichText": ["RichTextButton"],
}


def trim(full: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the three sections of the facts file (see `local/standins/contract.py`)."""
    new = ADDED.keys() - full["types"].keys() - full["methods"].keys()
    entries = {**full["types"], **{name: {"fields": {}} for name in new}}
    types = {name: _entry(name, entry) for name, entry in entries.items() if name != "InputFile"}
    methods = {name: _entry(name, full["methods"][name]) for name in METHODS.split()}
    returns = {name: "|".join(full["methods"][name]["returns"]) for name in methods}
    reached: set[str] = set()
    found = {"Update"} | (_names([methods, returns]) & types.keys())
    while found:
        reached |= found
        found = (_names([types[name] for name in found]) & types.keys()) - reached
    kept = {name: types[name] for name in sorted(reached)}
    return {"methods": methods, "returns": returns, "types": kept}


def _entry(name: str, entry: dict[str, Any]) -> Any:
    fields = {
        field: "!" * facts["required"] + "|".join(facts["types"])
        for field, facts in entry.get("fields", {}).items()
    }
    subtypes = [*entry.get("subtypes", []), *ADDED_SUBTYPES.get(name, [])]
    return subtypes or {**fields, **ADDED.get(name, {})}


def _names(entries: list[Any]) -> set[str]:
    return set(re.findall(r"\b[A-Z]\w+", json.dumps(entries)))


def main() -> None:
    """Write the facts file from the full description named on the command line."""
    sections = []
    for section, entries in trim(json.loads(Path(sys.argv[1]).read_text())).items():
        lines = [f"{json.dumps(n)}: {json.dumps(e)}" for n, e in entries.items()]
        sections.append(f"{json.dumps(section)}: {{\n" + ",\n".join(lines) + "\n}")
    target = Path(__file__).parents[1] / "local/standins/bot-api.json"
    target.write_text("{\n" + ",\n".join(sections) + "\n}\n")


if __name__ == "__main__":
    main()
