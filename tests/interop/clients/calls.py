"""Read calls of the Bot API as JSON lines, and print for each what is wrong with it and shown.

Runs in `.venv-telegram`. aiogram's method classes and python-telegram-bot's methods know which
parameters there are, their types and fields; both cut a text by its entities, and write it as HTML.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any

import aiogram.methods
import aiogram.types
import telegram
from pydantic import BaseModel, ValidationError
from telegram.constants import (
    BotCommandLimit,
    CallbackQueryLimit,
    InlineKeyboardButtonLimit,
    MessageLimit,
)

NEWER = {"sendMessageDraft": {"can_stop", "keep_on_stop"}}
"""Parameters since Bot API 10.3; python-telegram-bot 22.8 knows 10.0."""
METHODS: dict[str, Any] = {
    each.__api_method__: each
    for each in vars(aiogram.methods).values()
    if inspect.isclass(each) and hasattr(each, "__api_method__")
}
ABOUT = {"message_id": 1, "date": 1_795_262_400, "chat": {"id": 7, "type": "private"}}


def main() -> None:
    """Check each call: {"method": …, "params": …}."""
    for line in sys.stdin:
        call = json.loads(line)
        sys.stdout.write(json.dumps(checked(call["method"], call["params"])) + "\n")


def checked(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return `problems`, and `shown`: the words of each entity, by library."""
    problems = [*_by_aiogram(method, params), *_by_ptb(method, params), *_lengths(params)]
    shown: dict[str, Any] = {"aiogram": [], "python-telegram-bot": []}
    if "text" in params or "caption" in params:
        prefix = "" if "text" in params else "caption_"
        names = (prefix.rstrip("_") or "text", f"{prefix}entities")
        content = {name: params[name] for name in names if name in params}
        try:
            shown["aiogram"], html = _seen_by_aiogram(content, *names)
            problems += _nesting("aiogram", html, content[names[0]])
            shown["python-telegram-bot"], html = _seen_by_ptb(content, prefix)
            problems += _nesting("python-telegram-bot", html, content[names[0]])
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"{type(error).__name__}: {error}")
    return {"problems": problems, "shown": shown}


def _by_aiogram(method: str, params: Mapping[str, Any]) -> Iterator[str]:
    uploads = {name: aiogram.types.BufferedInputFile(b"x", "x") for name in _uploads(params)}
    try:
        made = METHODS[method].model_validate({**params, **uploads}, strict=True)
    except ValidationError as error:
        yield from (f"aiogram: {each['loc']} {each['msg']}" for each in error.errors())
        return
    yield from (f"aiogram: there is no {name}" for name in _unknown(made, method))


def _unknown(value: Any, path: str) -> Iterator[str]:
    """Yield the fields, at any depth, that no class has."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for each in value:
            yield from _unknown(each, path)


def _by_ptb(method: str, params: Mapping[str, Any]) -> Iterator[str]:
    function = getattr(telegram.Bot, re.sub("([A-Z])", r"_\1", method).lower())
    known = inspect.signature(function).parameters.keys() - {"self", "api_kwargs"}
    known |= {"language_code"} | NEWER.get(method, set())
    yield from (f"python-telegram-bot: there is no {name}" for name in params.keys() - known)
    classes: dict[str, Any] = {
        "entities": telegram.MessageEntity,
        "caption_entities": telegram.MessageEntity,
        "commands": telegram.BotCommand,
        "reply_markup": telegram.InlineKeyboardMarkup,
        "reply_parameters": telegram.ReplyParameters,
    }
    for name, of in classes.items():
        values = params.get(name, [])
        for each in values if isinstance(values, list) else [values]:
            try:
                made = of.de_json(each, None)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                yield f"python-telegram-bot: {name}: {type(error).__name__} {error}"
                continue
            rows = getattr(made, "inline_keyboard", ())
            for part in (made, *(button for row in rows for button in row)):
                yield from (f"python-telegram-bot: no {name}.{key}" for key in part.api_kwargs)


def _lengths(params: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is too long or too short, by the constants of python-telegram-bot."""
    for name, most in (
        ("text", MessageLimit.MAX_TEXT_LENGTH),
        ("caption", MessageLimit.CAPTION_LENGTH),
    ):
        text = params.get(name)
        if isinstance(text, str) and not 0 < len(text.encode("utf-16-le")) // 2 <= most:
            yield f"{name} is of a wrong length"
    for name in ("entities", "caption_entities"):
        if len(params.get(name, ())) > MessageLimit.MESSAGE_ENTITIES:
            yield f"{name} are too many"
    most = CallbackQueryLimit.ANSWER_CALLBACK_QUERY_TEXT_LENGTH
    if "callback_query_id" in params and len(params.get("text", "")) > most:
        yield "the answer to a button is too long"
    unknown = {*params.get("allowed_updates", ())} - {*aiogram.types.Update.model_fields}
    yield from (f"no kind of update: {each}" for each in unknown)
    yield from _lengths_of_buttons(params.get("reply_markup", {}))
    yield from _lengths_of_commands(params.get("commands", []))


def _lengths_of_buttons(markup: Mapping[str, Any]) -> Iterator[str]:
    data = range(
        InlineKeyboardButtonLimit.MIN_CALLBACK_DATA, InlineKeyboardButtonLimit.MAX_CALLBACK_DATA + 1
    )
    for button in (button for row in markup.get("inline_keyboard", []) for button in row):
        if len(button["callback_data"].encode()) not in data:
            yield "a button's data are of a wrong length"
        if not button["text"].strip():
            yield "a button has no text"


def _lengths_of_commands(commands: Sequence[Mapping[str, str]]) -> Iterator[str]:
    limit = BotCommandLimit
    if len(commands) > limit.MAX_COMMAND_NUMBER:
        yield "commands are too many"
    for each in commands:
        name, description = len(each["command"]), len(each["description"])
        good = limit.MIN_COMMAND <= name <= limit.MAX_COMMAND
        if not (good and limit.MIN_DESCRIPTION <= description <= limit.MAX_DESCRIPTION):
            yield "a command is of a wrong length"


def _uploads(params: Mapping[str, Any]) -> Iterator[str]:
    return (n for n, each in params.items() if isinstance(each, dict) and "upload" in each)


def _seen_by_aiogram(content: dict[str, Any], text: str, entities: str) -> tuple[list[Any], str]:
    message = aiogram.types.Message.model_validate({**ABOUT, **content})
    words = getattr(message, text)
    found = getattr(message, entities) or []
    seen = [[e.type, e.extract_from(words), e.url or e.language] for e in found]
    return seen, message.html_text


def _seen_by_ptb(content: dict[str, Any], prefix: str) -> tuple[list[Any], str]:
    message = telegram.Message.de_json({**ABOUT, **content}, None)
    if prefix:
        parsed, html = message.parse_caption_entities(), message.caption_html
    else:
        parsed, html = message.parse_entities(), message.text_html
    return [[e.type, words, e.url or e.language] for e, words in parsed.items()], html


class _Reader(HTMLParser):
    """Reads HTML; `well` is whether each tag is closed in its turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.open, self.well = "", list[str](), True
        self.feed(html)
        self.close()
        self.well = self.well and not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.well = self.well and bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _nesting(library: str, html: str, text: str) -> Iterator[str]:
    """Yield a problem where a library cannot write the text with its entities as HTML."""
    read = _Reader(html)
    if not read.well:
        yield f"{library}: entities do not nest"
    if read.text != text:
        yield f"{library}: entities change the text"


if __name__ == "__main__":
    main()
