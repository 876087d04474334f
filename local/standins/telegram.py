"""Stand-in for the Telegram Bot API: accepts and refuses what Telegram does (`bot-api.json`).

It is stricter than Telegram: unknown parameters are refused, entities that Telegram would repair
(`telegram_rules.py`), and `parse_mode`, because markup can fail to parse and entities cannot. Rate
limits occur as faults only. A webhook's URL may be on this machine.
See https://core.telegram.org/bots/api
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from local.standins.base import ErrorResponse, StandIn, json_response
from local.standins.contract import Upload, Violation
from local.standins.faults import Fault
from local.standins.telegram_chats import Chat, ChatError, ChatState, as_telegram_keeps, check_text
from local.standins.telegram_rules import check_call

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

TEXT_LIMIT, CAPTION_LIMIT = 4096, 1024  # UTF-16 units
DESCRIPTIONS = {
    400: "Bad Request: can't parse entities",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    429: "Too Many Requests: retry later",
}


class TelegramStandIn(StandIn):
    """Serves `/bot<token>/<method>` and `/file/bot<token>/<path>`.

    `learn` registers what people do. `strict` refuses chats and callback queries that are not
    registered; otherwise they are taken to exist, and a reply there may refer to any message.
    """

    def __init__(self, token: str, username: str = "standin_bot") -> None:
        super().__init__("bot-api")
        self.strict = False
        # Bytes.
        self.file_limits = {"photo": 10_000_000, "document": 50_000_000, "getFile": 20_000_000}
        self.webhook: dict[str, Any] = {"url": ""}
        self.files: dict[str, tuple[str, bytes]] = {}  # file id -> path, content
        bot_id = int(token.partition(":")[0])
        self.me = {"id": bot_id, "is_bot": True, "first_name": "Bot", "username": username}
        self._token = token
        self._chats: dict[int, Chat] = {}
        self.administrators: set[tuple[int, int]] = set()  # chat, user
        self._callbacks: set[str] = set()
        self._commands: dict[str, list[dict[str, Any]]] = {}
        self._updates: list[dict[str, Any]] = []
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "getMe": lambda params: self.me,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._webhook_info,
            "getUpdates": self._get_updates,
            "sendMessage": lambda params: self._chat(params).post(self.me, params, _text(params)),
            "sendMessageDraft": self._send_draft,
            "editMessageText": lambda params: self._edit(params, _text(params)),
            "editMessageReplyMarkup": lambda params: self._edit(params, {}),
            "sendChatAction": lambda params: bool(self._chat(params)),
            "sendPhoto": lambda params: self._send_file("photo", params),
            "sendDocument": lambda params: self._send_file("document", params),
            "answerCallbackQuery": self._answer_callback,
            "setMyCommands": self._set_commands,
            "getMyCommands": lambda params: self._commands.get(_scope(params), []),
            "setMessageReaction": lambda params: bool(self._chat(params).find(params, "react")),
            "getFile": self._get_file,
            "getChatMember": self._member,
        }

    # What happens on the people's side

    def next_message_id(self, chat_id: int) -> int:
        """Reserve a message id of the chat, for a message that a person is about to write."""
        with self._state:
            return self._chat_of(chat_id).take_id()

    def learn(self, update: dict[str, Any], queue: bool = False) -> None:
        """Register the chat, message or callback query of an update.

        `queue` also returns the update from getUpdates.
        """
        callback = update.get("callback_query", {})
        message = update.get("message") or update.get("edited_message") or callback.get("message")
        with self._state:
            if callback:
                self._callbacks.add(callback["id"])
            if message:
                self._chat_of(message["chat"]["id"]).learn(message)
            if queue:
                self._updates.append(update)
                self._state.notify_all()

    def mark(self, chat_id: int, state: ChatState | None, migrate_to: int = 0) -> None:
        """Set a chat's state: one in which posts are refused, or None.

        `migrate_to` is the new chat's id of state `migrated`.
        """
        with self._state:
            chat = self._chat_of(chat_id)
            chat.state, chat.migrated_to = state, migrate_to

    def add_file(self, content: bytes, path: str) -> str:
        """Store a file that people send, at `path` ("voice/file_1.oga"). Returns its file id."""
        with self._state:
            file_id = f"file-{len(self.files) + 1}"
            self.files[file_id] = path, content
            return file_id

    # HTTP

    def operation_of(self, environ: WSGIEnvironment, body: bytes) -> str:
        """The Bot API's method, as `sendMessage`; `download` for a file."""
        path: str = environ["PATH_INFO"]
        return "download" if path.startswith("/file/") else path.rpartition("/")[2]

    def error_body(self, fault: Fault) -> dict[str, Any]:
        """An error of the Bot API; the fault's `code` is its description."""
        text = fault.code or DESCRIPTIONS.get(fault.status, "Internal Server Error")
        parameters = {} if fault.retry_after is None else {"retry_after": fault.retry_after}
        return _error(fault.status, text, **parameters).body

    def violation_error(self, violation: Violation) -> ErrorResponse:
        """Status 400, Bad Request."""
        return _error(400, f"Bad Request: {violation}")

    def respond(self, operation: str, request: Request) -> Response:
        """Execute the operation once its token is checked."""
        match = re.fullmatch(r"(?:/file)?/bot([^/]*)/(.+)", request.path)
        if match is None or operation not in (*self._methods, "download"):
            raise _error(404, "Not Found")
        if match[1] != self._token:
            raise _error(401, "Unauthorized")
        if operation == "download":
            return self._download(match[2])
        params = self.read(operation, request)
        try:
            with self._state:
                check_call(params, {*self.contract.types["Update"]} - {"update_id"})
                result = self._methods[operation](params)
                self.accept(operation, params, result)
        except ChatError as error:
            raise _error(error.status, str(error), **error.parameters) from None
        return json_response({"ok": True, "result": result})

    def _download(self, path: str) -> Response:
        for known, content in self.files.values():
            if known == path:
                return Response(content, mimetype="application/octet-stream")
        raise _error(404, "Not Found")

    # Messages

    def _send_draft(self, params: dict[str, Any]) -> bool:
        if params["chat_id"] < 0:
            raise ChatError("TEXTDRAFT_PEER_INVALID")
        if params["draft_id"] == 0:
            raise ChatError("draft_id must be non-zero")
        check_text(params.get("text", ""), params.get("entities", []), TEXT_LIMIT)
        self._chat(params).draft = as_telegram_keeps(params)
        return True

    def draft(self, chat_id: int) -> dict[str, Any] | None:
        """The parameters of the last sendMessageDraft, or None once the message is sent."""
        with self._state:
            return self._chat_of(chat_id).draft

    def _send_file(self, kind: str, params: dict[str, Any]) -> dict[str, Any]:
        chat, file = self._chat(params), params[kind]
        content = {name: value for name, value in params.items() if name.startswith("caption")}
        check_text(params.get("caption", ""), params.get("caption_entities", []), CAPTION_LIMIT)
        file_id, size = str(file), 0
        if isinstance(file, Upload):
            size = len(file.data)
            if not 0 < size <= self.file_limits[kind]:
                raise ChatError("file is too big" if size else "file must be non-empty")
            file_id = self.add_file(file.data, f"{kind}s/{len(self.files) + 1}-{file.filename}")
        elif file not in self.files and not re.match("https?://", file):
            raise ChatError("wrong file identifier/HTTP URL specified")
        sent = {"file_id": file_id, "file_unique_id": f"unique-{file_id}", "file_size": size}
        content[kind] = [{**sent, "width": 64, "height": 64}] if kind == "photo" else sent
        return chat.post(self.me, params, content)

    def _edit(self, params: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
        if not {"chat_id", "message_id"}.issubset(params):
            raise ChatError("message identifier is not specified")
        return self._chat(params).edit(self.me, params, content)

    def _answer_callback(self, params: dict[str, Any]) -> bool:
        if self.strict and params["callback_query_id"] not in self._callbacks:
            raise ChatError("query is too old and response timeout expired or query ID is invalid")
        return True

    def _member(self, params: dict[str, Any]) -> dict[str, Any]:
        chat, who = self._chat(params).info["id"], params["user_id"]
        user = {"id": who, "is_bot": False, "first_name": "Person"}
        if (chat, who) in self.administrators:
            return {"status": "creator", "user": user, "is_anonymous": False}
        return {"status": "member", "user": user}

    def _chat(self, params: dict[str, Any]) -> Chat:
        if not re.fullmatch(r"-?\d+", str(params["chat_id"])):
            raise ChatError("chat not found")
        chat = self._chat_of(int(params["chat_id"]))
        chat.check_open(self.strict)
        return chat

    def _chat_of(self, chat_id: int) -> Chat:
        return self._chats.setdefault(chat_id, Chat.of(chat_id))

    # The bot itself

    def _set_webhook(self, params: dict[str, Any]) -> bool:
        kept = {name: self.webhook[name] for name in ("allowed_updates",) if name in self.webhook}
        self.webhook = {**kept, **params}
        return True

    def _delete_webhook(self, params: dict[str, Any]) -> bool:
        self.webhook = {"url": ""}
        if params.get("drop_pending_updates"):
            self._updates.clear()
        return True

    def _webhook_info(self, params: dict[str, Any]) -> dict[str, Any]:
        shown = ("url", "max_connections", "allowed_updates", "ip_address")
        info = {name: self.webhook[name] for name in shown if name in self.webhook}
        return {**info, "has_custom_certificate": False, "pending_update_count": len(self._updates)}

    def _get_updates(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        if self.webhook["url"]:
            text = "Conflict: can't use getUpdates method while webhook is active"
            raise _error(409, f"{text}; use deleteWebhook to delete the webhook first")
        offset = params.get("offset", 0)
        self._updates[:] = [update for update in self._updates if update["update_id"] >= offset]
        self._state.wait_for(lambda: self._updates, params.get("timeout", 0))
        return self._updates[: params.get("limit", 100)]

    def _set_commands(self, params: dict[str, Any]) -> bool:
        self._commands[_scope(params)] = params["commands"]
        return True

    def _get_file(self, params: dict[str, Any]) -> dict[str, Any]:
        file_id = params["file_id"]
        if file_id not in self.files:
            raise ChatError("invalid file_id")
        path, content = self.files[file_id]
        if len(content) > self.file_limits["getFile"]:
            raise ChatError("file is too big")
        ids = {"file_id": file_id, "file_unique_id": f"unique-{file_id}"}
        return {**ids, "file_size": len(content), "file_path": path}


def _error(status: int, description: str, **parameters: int) -> ErrorResponse:
    body = {"ok": False, "error_code": status, "description": description}
    return ErrorResponse(status, {**body, "parameters": parameters} if parameters else body)


def _scope(params: dict[str, Any]) -> str:
    return f"{params.get('scope', {'type': 'default'})} {params.get('language_code', '')}"


def _text(params: dict[str, Any]) -> dict[str, Any]:
    text, entities = params.get("text", ""), params.get("entities", [])
    if "parse_mode" in params:
        raise ChatError("can't parse entities: send entities in place of parse_mode")
    if not text.strip():
        raise ChatError("message text is empty")
    check_text(text, entities, TEXT_LIMIT)
    return {"text": text, "entities": entities} if entities else {"text": text}
