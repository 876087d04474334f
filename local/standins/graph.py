"""Stand-in for Meta's Graph API, as far as a Messenger page needs it (`graph-api.json`).

It is stricter than Meta: unknown parameters are refused, and an access token in the URL is not
accepted. A callback URL may be on this machine. See the Send API, the Conversations API and the
Messenger Profile API of the Messenger Platform, and Subscriptions of the Graph API.
"""

from __future__ import annotations

import hmac
import re
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from werkzeug.wrappers import Request, Response

from local.standins.base import ErrorResponse, StandIn, json_response
from local.standins.contract import Upload, Violation
from local.standins.faults import Fault

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

PersonState = Literal["blocked", "unknown", "outside_window"]

VERSION = "v26.0"
WINDOW_S = 24 * 3600  # "standard messaging window", in seconds
# Error code, subcode and message with which messages to such a person are refused.
STATES = {
    "blocked": (551, 1545041, "This person isn't available right now."),
    "unknown": (100, 2018001, "No matching user found"),
    "outside_window": (10, 2018278, "This message is sent outside of allowed window."),
}
STATUSES = {1: 500, 2: 500, 4: 403, 10: 403, 200: 403, 1200: 500}  # others: 400
FAULT_CODES = {400: 100, 401: 190, 403: 200, 429: 613}  # by HTTP status, others: 2
# These match the key only, never a message's text: JSON escapes its quotes, a form its `&`.
_ACTION_IN_JSON = re.compile(rb'"sender_action"\s*:')
_ACTION_IN_FORM = re.compile(rb'(?:^|&)sender_action=|name="sender_action"')


class GraphStandIn(StandIn):
    """Serves `/<version>/…` for one page and one app.

    `person_wrote` registers what people do. `strict` refuses people who are not registered;
    otherwise they can be written to. `require_proof` refuses calls without `appsecret_proof`.
    """

    def __init__(self, app_id: str, app_secret: str, page_id: str, page_token: str) -> None:
        super().__init__("graph-api")
        self.strict = self.require_proof = False
        self.file_limit = 25_000_000  # bytes
        self.files: dict[str, bytes] = {}  # attachments of people, by path
        self.profile: dict[str, Any] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}  # by object
        self.subscribed_fields: list[str] = []
        self._app_id, self._page_id = app_id, page_id
        self._secret = app_secret.encode()
        self._app_token, self._page_token = f"{app_id}|{app_secret}", page_token
        self._states: dict[str, PersonState | None] = {}
        self._written: dict[str, list[dict[str, Any]]] = {}  # by person
        self._last_ms: dict[str, int] = {}
        self._calls: dict[str, Callable[[dict[str, Any]], Any]] = {
            "POST messages": self._send,
            "POST sender_action": lambda params: {"recipient_id": self._reachable(params)},
            "GET conversations": self._conversations,
            "POST messenger_profile": self._set_profile,
            "GET messenger_profile": self._get_profile,
            "DELETE messenger_profile": self._delete_profile,
            "POST subscriptions": self._subscribe,
            "GET subscriptions": lambda params: {"data": list(self.subscriptions.values())},
            "DELETE subscriptions": self._unsubscribe,
            "POST subscribed_apps": self._subscribe_page,
            "GET subscribed_apps": self._subscribed_apps,
            "DELETE subscribed_apps": self._subscribe_page,
            "GET debug_token": self._debug_token,
            "GET me": lambda params: {"id": self._page_id, "name": "Page"},
        }

    def person_wrote(self, psid: str, mid: str, text: str, at_ms: int) -> None:
        """Register a person's message: it opens the messaging window, and is in the conversation.

        `at_ms` is in epoch milliseconds.
        """
        with self._state:
            self._last_ms[psid] = max(at_ms, self._last_ms.get(psid, 0))
            self._keep(psid, mid, text, at_ms, psid, self._page_id)

    def page_wrote(self, psid: str, mid: str, text: str, at_ms: int) -> None:
        """Register a message that the page's staff wrote in its inbox."""
        with self._state:
            self._keep(psid, mid, text, at_ms, self._page_id, psid)

    def mark(self, psid: str, state: PersonState | None) -> None:
        """Set a person's state: one in which messages are refused, or None."""
        with self._state:
            self._states[psid] = state

    def add_file(self, content: bytes, name: str) -> str:
        """Store a file that people send. Returns its path, for an attachment's URL."""
        with self._state:
            path = f"/files/{len(self.files) + 1}/{name}"
            self.files[path] = content
            return path

    # HTTP

    def operation_of(self, environ: WSGIEnvironment, body: bytes) -> str:
        """Method and end of the path (`POST messages`), `POST sender_action`, or `download`."""
        if environ["PATH_INFO"].startswith("/files/"):
            return "download"
        name: str = environ["PATH_INFO"].rpartition("/")[2]
        key = _ACTION_IN_JSON if body.startswith(b"{") else _ACTION_IN_FORM
        if name == "messages" and key.search(body):
            name = "sender_action"
        return f"{environ['REQUEST_METHOD']} {name}"

    def error_body(self, fault: Fault) -> dict[str, Any]:
        """An error of the Graph API; the fault's `code` is `<code>/<subcode>`."""
        code, _, subcode = fault.code.partition("/")
        number = int(code or FAULT_CODES.get(fault.status, 2))
        return _error(number, "a fault was asked for", int(subcode or 0)).body

    def violation_error(self, violation: Violation) -> ErrorResponse:
        """Error 100, invalid parameter."""
        return _error(100, f"Invalid parameter: {violation}")

    def respond(self, operation: str, request: Request) -> Response:
        """Execute the operation once its token is checked."""
        if operation == "download" and request.path in self.files:
            return Response(self.files[request.path], mimetype="application/octet-stream")
        of_app = operation.endswith((" subscriptions", " debug_token"))
        owner = self._app_id if of_app else self._page_id
        token = self._app_token if of_app else self._page_token
        paths = {f"/{VERSION}/{owner}/{request.path.rpartition('/')[2]}"}
        paths |= {f"/{VERSION}/{name}" for name in ("me", "debug_token")}
        if operation not in self._calls or request.path not in paths:
            raise _error(2500, "Unknown path components")
        params = self.read(operation, request)
        self._authorise(request, params, token)
        with self._state:
            result = self._calls[operation](params)
            self.accept(operation, params, result)
        return json_response(result)

    def _authorise(self, request: Request, params: dict[str, Any], right: str) -> None:
        token = params.pop("access_token", "")
        token = request.headers.get("Authorization", token).removeprefix("Bearer ")
        if token != right or "access_token" in request.args:
            raise _error(190, "Invalid OAuth access token.")
        proof = params.pop("appsecret_proof", None)
        if proof is None and self.require_proof and right == self._page_token:
            raise _error(100, "API calls from the server require an appsecret_proof argument")
        if proof not in (None, hmac.new(self._secret, token.encode(), "sha256").hexdigest()):
            raise _error(100, "Invalid appsecret_proof provided in the API argument")

    # Messages

    def _send(self, params: dict[str, Any]) -> dict[str, str]:
        message, file = params["message"], params.get("filedata")
        if "attachment" in message:
            attachment = message["attachment"]
            if ("url" in attachment["payload"]) == (file is not None):
                raise _error(100, "Invalid parameter: either a url or filedata")
            if file and not 0 < len(file.data) <= self.file_limit:
                raise _error(100, "Attachment size exceeds allowable limit", 2018047)
            if file and attachment["type"] == "image" and file.content_type[:6] != "image/":
                raise _error(100, "Invalid parameter: filedata is no image")
        psid, mid = self._reachable(params), f"m_{uuid.uuid4().hex}"
        text = message.get("text", "")
        self._keep(psid, mid, text, int(time.time() * 1000), self._page_id, psid, file)
        return {"recipient_id": psid, "message_id": mid}

    def _reachable(self, params: dict[str, Any]) -> str:
        """The recipient's PSID. Raises ErrorResponse where Messenger would refuse a message."""
        psid: str = params["recipient"]["id"]
        state, last_ms = self._states.get(psid), self._last_ms.get(psid)
        if state is None and last_ms is None and self.strict:
            state = "unknown"
        if state is None and last_ms is not None and last_ms / 1000 + WINDOW_S < time.time():
            state = "outside_window"
        if state is not None:
            code, subcode, message = STATES[state]
            raise _error(code, message, subcode)
        return psid

    def _keep(
        self,
        psid: str,
        mid: str,
        text: str,
        at_ms: int,
        sender: str,
        to: str,
        file: Upload | None = None,
    ) -> None:
        created = datetime.fromtimestamp(at_ms // 1000, UTC)
        message = {
            "at_ms": at_ms,
            "id": mid,
            "created_time": created.strftime("%Y-%m-%dT%H:%M:%S+0000"),
            "from": {"id": sender, "name": "Sender"},
            "to": {"data": [{"id": to, "name": "Receiver"}]},
            "message": text,
        }
        if file:
            kept = {"id": mid, "mime_type": file.content_type, "name": file.filename}
            message["attachments"] = {"data": [{**kept, "size": len(file.data)}]}
        self._written.setdefault(psid, []).append(message)

    def _conversations(self, params: dict[str, Any]) -> dict[str, Any]:
        """Newest first (Conversations API)."""
        psid = params["user_id"]
        limit, names = re.findall(r"\d+|(?<={).+(?=})", params["fields"])
        written = self._written.get(psid, [])
        messages = sorted(written, key=lambda message: int(message["at_ms"]), reverse=True)
        wanted = {"id", *names.split(",")}
        data = [{k: v for k, v in m.items() if k in wanted} for m in messages[: int(limit)]]
        return {"data": [{"messages": {"data": data}, "id": f"t_{psid}"}] if data else []}

    # Page and app

    def _set_profile(self, params: dict[str, Any]) -> dict[str, str]:
        profile = {**self.profile, **params}
        if "persistent_menu" in profile and "get_started" not in profile:
            raise _error(100, "You must set a Get Started button to use a persistent menu", 2018145)
        for name in ("persistent_menu", "greeting"):
            if name in params and "default" not in [entry["locale"] for entry in params[name]]:
                raise _error(100, f"{name} must have the default locale")
        self.profile = profile
        return {"result": "success"}

    def _get_profile(self, params: dict[str, Any]) -> dict[str, Any]:
        asked = params["fields"].split(",")
        shown = {name: value for name, value in self.profile.items() if name in asked}
        return {"data": [shown] if shown else []}

    def _delete_profile(self, params: dict[str, Any]) -> dict[str, str]:
        for name in params["fields"]:
            self.profile.pop(name, None)
        return {"result": "success"}

    def _subscribe(self, params: dict[str, Any]) -> dict[str, bool]:
        fields = [{"name": name, "version": VERSION} for name in _names(params["fields"])]
        kept = {name: params[name] for name in ("object", "callback_url")}
        self.subscriptions[params["object"]] = {**kept, "active": True, "fields": fields}
        return {"success": True}

    def _unsubscribe(self, params: dict[str, Any]) -> dict[str, bool]:
        self.subscriptions.clear()
        return {"success": True}

    def _subscribe_page(self, params: dict[str, Any]) -> dict[str, bool]:
        self.subscribed_fields = _names(params.get("subscribed_fields", []))
        return {"success": True}

    def _subscribed_apps(self, params: dict[str, Any]) -> dict[str, Any]:
        app = {"id": self._app_id, "subscribed_fields": self.subscribed_fields}
        return {"data": [app] if self.subscribed_fields else []}

    def _debug_token(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["input_token"] != self._page_token:
            return {"data": {"is_valid": False, "scopes": []}}
        known = {"app_id": self._app_id, "type": "PAGE", "profile_id": self._page_id}
        scopes = ["pages_messaging", "pages_manage_metadata"]
        return {"data": {"is_valid": True, "expires_at": 0, "scopes": scopes, **known}}


def _error(code: int, message: str, subcode: int = 0) -> ErrorResponse:
    error = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    error |= {"error_subcode": subcode} if subcode else {}
    error |= {"fbtrace_id": uuid.uuid4().hex[:11]}
    return ErrorResponse(STATUSES.get(code, 400), {"error": error})


def _names(fields: str | list[str]) -> list[str]:
    return fields.split(",") if isinstance(fields, str) else fields
