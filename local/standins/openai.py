"""Stand-in for an OpenAI-compatible API: Chat Completions, images, transcriptions, models.

See https://platform.openai.com/docs/api-reference; facts in `openai-api.json`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from local.standins.answers import FILTERED, Answer, answer_to, text_of
from local.standins.base import ErrorResponse, StandIn, json_response
from local.standins.contract import Violation
from local.standins.faults import Fault, hang_up, hold
from local.standins.refusals import REFUSALS
from local.standins.shape import BREAKS, STAYS_OPEN, End, Said, words_of
from local.standins.shapes import SHAPES

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SOUNDS = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "oga", "wav", "webm")
VIOLATION_CODES = {
    "unknown": "unknown_parameter",
    "missing": "missing_required_parameter",
    "invalid": "invalid_value",
}
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAAA1BMVEVGgr"
    "QW1EH0AAAAD0lEQVR42mNgGAWjgHwAAAJAAAHgTR1EAAAAAElFTkSuQmCC"
)
FAULT_CODES = {
    400: ("invalid_request_error", ""),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


SHORTEST_PAUSE = 0.01
"""Seconds. Each pause costs a wait for the interpreter's lock: where thirty conversations run at
once, a thousand pauses of half a millisecond took 17 s."""


class OpenAIStandIn(StandIn):
    """Serves `/chat/completions`, `/images/generations`, `/audio/transcriptions` and `/models`.

    Each with or without `/v1` in front, and with Azure's query `api-version`. Answers are streamed
    word by word: the first word after `first_token_s` seconds, each other after `token_s`; words
    that come within `SHORTEST_PAUSE` are sent together. A prompt over `context_tokens` (0: no
    limit) is refused as too long. `models` are the models that exist (None: any). `image_urls`
    returns generated images by URL, not as base64.

    A message with `[[shape:NAME]]` is answered in that shape of `local.standins.shapes`, one with
    `[[error:NAME]]` with that error of `local.standins.refusals`.
    """

    def __init__(self, api_key: str) -> None:
        super().__init__("openai-api")
        self.first_token_s = self.token_s = 0.0
        self.models: frozenset[str] | None = None
        self.context_tokens = 0
        self.image_urls = False
        self.transcript = "This was said in a voice message."
        self._key = api_key
        self._calls: dict[str, Callable[[Request, dict[str, Any]], Response]] = {
            "chat/completions": self._chat,
            "images/generations": self._image,
            "audio/transcriptions": self._transcription,
            "models": self._models,
        }

    def operation_of(self, environ: WSGIEnvironment, body: bytes) -> str:
        """The path without `/v1/`, as `chat/completions`."""
        path: str = environ["PATH_INFO"]
        return path.removeprefix("/v1").removeprefix("/")

    def error_body(self, fault: Fault) -> dict[str, Any]:
        """An error of the OpenAI API; the fault's `code` is its `code`."""
        kind, code = FAULT_CODES.get(fault.status, ("server_error", ""))
        return _error(fault.status, "a fault was asked for", fault.code or code, kind).body

    def violation_error(self, violation: Violation) -> ErrorResponse:
        """Status 400 with the parameter's name."""
        code = VIOLATION_CODES[violation.kind]
        return _error(400, f"Invalid request: {violation}", code, param=violation.path)

    def respond(self, operation: str, request: Request) -> Response:
        """Execute the operation once its token is checked."""
        if operation.startswith("made/"):
            return Response(_picture(operation), mimetype="image/png")
        if request.headers.get("Authorization") != f"Bearer {self._key}":
            raise _error(401, "Incorrect API key provided.", "invalid_api_key")
        verb = "GET" if operation == "models" else "POST"
        if operation not in self._calls or request.method != verb:
            raise _error(404, f"Invalid URL ({request.method} {request.path})", "unknown_url")
        params = self.read(operation, request)
        model = params.get("model")
        if self.models is not None and model is not None and model not in self.models:
            text = f"The model `{model}` does not exist or you do not have access to it."
            raise _error(404, text, "model_not_found")
        return self._calls[operation](request, params)

    def _chat(self, request: Request, params: dict[str, Any]) -> Response:
        prompt_tokens = sum(4 + len(text_of(message).split()) for message in params["messages"])
        if self.context_tokens and prompt_tokens > self.context_tokens:
            text = f"This model's maximum context length is {self.context_tokens} tokens."
            raise _error(400, text, "context_length_exceeded", param="messages")
        if "stream_options" in params and not params.get("stream"):
            raise Violation("invalid", "stream_options", "only allowed when 'stream' is enabled")
        marks = dict(re.findall(r"\[\[(shape|error):([^\]]+)\]\]", _last_text(params)))
        if "error" in marks:
            refusal = REFUSALS[marks["error"]]
            return Response(refusal.text, refusal.status, mimetype="application/json")
        limit = params.get("max_completion_tokens", params.get("max_tokens"))
        answer = answer_to(params["messages"]).cut(limit)
        self.accept("chat/completions", params, answer.text)
        counts = {"prompt_tokens": prompt_tokens, "completion_tokens": len(answer.tokens)}
        counts["total_tokens"] = sum(counts.values())
        usage = {**counts, "prompt_tokens_details": {"cached_tokens": 0}}
        if "shape" in marks:
            shape = SHAPES[marks["shape"]]
            said = Said(words_of(answer.text), params["model"], answer.finish_reason, counts)
            kind = "application/json" if shape.whole else "text/event-stream"
            return Response(_send(shape.send(said), request), mimetype=kind)
        if params.get("stream"):
            return Response(self._stream(answer, params, usage), mimetype="text/event-stream")
        time.sleep(self.first_token_s + self.token_s * len(answer.tokens))
        message = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
        head = _head("chat.completion", params["model"])
        return json_response({**head, "choices": [choice], "usage": usage})

    def _stream(
        self, answer: Answer, params: dict[str, Any], usage: dict[str, Any]
    ) -> Iterator[bytes]:
        head = _head("chat.completion.chunk", params["model"])
        counted = params.get("stream_options", {}).get("include_usage", False)
        head |= {"usage": None} if counted else {}

        def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return _event({**head, "choices": [choice]})

        ready = event({"role": "assistant", "content": ""})
        if answer.refusal:
            ready += event({"refusal": answer.refusal})
        pause = 0.0
        for number, token in enumerate(answer.tokens):
            pause += self.token_s if number else self.first_token_s
            if pause >= SHORTEST_PAUSE:
                yield ready
                ready = b""
                time.sleep(pause)
                pause = 0.0
            ready += event({"content": token})
        ready += event({}, answer.finish_reason)
        if counted:
            ready += _event({**head, "choices": [], "usage": usage})
        yield ready + b"data: [DONE]\n\n"

    def _image(self, request: Request, params: dict[str, Any]) -> Response:
        if FILTERED in params["prompt"]:
            text = "Your request was rejected by the safety system."
            raise _error(400, text, "moderation_blocked", "image_generation_user_error")
        time.sleep(self.first_token_s)
        name = f"made/{hashlib.sha256(params['prompt'].encode()).hexdigest()[:16]}.png"
        image = {"b64_json": base64.b64encode(_picture(name)).decode()}
        if self.image_urls:
            image = {"url": request.url.replace("images/generations", name)}
        self.accept("images/generations", params, name)
        return json_response({"created": int(time.time()), "data": [image]})

    def _transcription(self, request: Request, params: dict[str, Any]) -> Response:
        file = params["file"]
        if file.filename.rpartition(".")[2] not in SOUNDS or not file.data:
            raise Violation("invalid", "file", "unrecognized file format")
        self.accept("audio/transcriptions", params, self.transcript)
        return json_response({"text": self.transcript})

    def _models(self, request: Request, params: dict[str, Any]) -> Response:
        names = sorted(self.models or {"gpt-5.4-mini", "local-model"})
        models = [{"id": n, "object": "model", "created": 0, "owned_by": "local"} for n in names]
        self.accept("models", params, names)
        return json_response({"object": "list", "data": models})


def _last_text(params: dict[str, Any]) -> str:
    texts = [text_of(message) for message in params["messages"] if message["role"] == "user"]
    return texts[-1] if texts else ""


def _send(parts: Iterator[bytes | End], request: Request) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
        elif part is STAYS_OPEN:
            hold(request.environ["werkzeug.socket"], threading.Event())
        elif part is BREAKS:
            raise hang_up(request.environ["werkzeug.socket"])


def _error(
    status: int,
    message: str,
    code: str,
    kind: str = "invalid_request_error",
    param: str | None = None,
) -> ErrorResponse:
    error = {"message": message, "type": kind, "param": param, "code": code or None}
    return ErrorResponse(status, {"error": error})


def _head(kind: str, model: str) -> dict[str, Any]:
    answer_id = f"chatcmpl-{uuid.uuid4().hex}"
    return {"id": answer_id, "object": kind, "created": int(time.time()), "model": model}


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


def _picture(name: str) -> bytes:
    """A PNG of 64 by 64 pixels, and bytes after it that differ by name; decoders ignore them."""
    return base64.b64decode(PICTURE) + hashlib.sha256(name.encode()).digest()
