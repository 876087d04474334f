"""Wherever people's own words enter a reply, they are shown as they are on every channel."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

from chatbot.channels.text.entities import parts_of
from chatbot.channels.text.html import safe_html
from chatbot.channels.text.split import utf16_length
from chatbot.core.completion import Completion
from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.markdown import escaped
from chatbot.core.message import Author
from chatbot.core.turn import Origin, Reply, State, Turn
from chatbot.core.work import Done
from tests.fakes.clock import NOON
from tests.world import CONVERSATION, World

LINKED = re.compile(
    r"\B@\w{2,32}|\b[\w-]+\.[^\W\d_]|\b(?:\d{1,3}\.){3}\d|://|(?<![\w/<>])/\w|(?<!\w)#\w*[^\W\d]|\$[A-Z]{1,8}\b|\w@\w"
)
"""What Telegram makes links of in a plain text (tdlib/td, td/telegram/MessageEntity.cpp)."""
WORDS = "**[x](https://evil.example)** _a_ `b` # > - | ~ $"
PERSONA = "*[x](y)* _a_ `b` |~$"  # names of personas are short
PERSONAS = json.dumps({PERSONA: "You are somebody."})


def reply_to(world: World, text: str, **payload: Any) -> str:
    envelope = world.envelope(text, **payload)
    assert isinstance(world.handle(envelope), Done)
    turn = world.history.find(envelope.key)
    assert turn
    return turn.reply.text


def stored(text: str, reply: Reply, origin: Origin = Origin.MODEL) -> World:
    """A conversation with one earlier turn."""
    world = World("Fine.")
    key = TurnKey.of(CONVERSATION, NOON - 86_400_000, "old:message")
    author = Author("7")
    world.history.put(Turn(key, "telegram", author, text, reply, State.DELIVERED, origin))
    return world


def start() -> str:
    return reply_to(World(), "/start", name=WORDS)


def not_allowed() -> str:
    world = World(access="allowlist")
    return reply_to(world, "Hello", author=WORDS)


def persona_chosen() -> str:
    return reply_to(World(personas=PERSONAS), f"/persona {PERSONA}")


def persona_listed() -> str:
    world = World(personas=PERSONAS)
    reply_to(world, f"/persona {PERSONA}")
    return reply_to(world, "/persona")


def caption() -> str:
    return reply_to(World(), f"/image {WORDS}")


def caption_in_image_mode() -> str:
    world = World()
    reply_to(world, "/image")
    return reply_to(world, WORDS)


def history_of_messages() -> str:
    return reply_to(stored(WORDS, Reply("Well.")), "/history")


def history_of_staff() -> str:
    return reply_to(stored(WORDS, Reply(""), Origin.STAFF), "/history")


def history_of_pictures() -> str:
    picture = StoredFile("folder/name.png", "image/png", WORDS)
    return reply_to(stored("draw", Reply(f"{WORDS}\n\nNext?", file=picture)), "/history")


def history_of_documents() -> str:
    return reply_to(stored(f"[document: {WORDS}]\nread it", Reply("Yes.")), "/history")


@pytest.mark.parametrize(
    "place",
    [
        *(start, not_allowed, persona_chosen, persona_listed, caption, caption_in_image_mode),
        *(history_of_messages, history_of_staff, history_of_pictures, history_of_documents),
    ],
)
def test_words_are_shown_as_they_are(place: Callable[[], str]) -> None:
    markdown, words = place(), PERSONA if place in (persona_chosen, persona_listed) else WORDS
    telegram = parts_of(markdown, 4096, utf16_length, formatting=True)
    assert [part.formatting for part in telegram] == [()]
    assert words in telegram[0].text.replace("\u2060", "")
    begin = telegram[0].text.index(words[:5])
    assert not LINKED.search(telegram[0].text[begin : begin + len(words)])
    messenger = parts_of(markdown, 2000, len, formatting=False)[0].text
    assert words in messenger.replace("\u2060", "")
    html = safe_html(markdown)
    assert set(re.findall(r"</?(\w+)", html)) <= {"p", "br"}
    assert words in unescape(re.sub("<[^>]*>", "", html)).replace("\u2060", "")


@pytest.mark.parametrize(
    "name",
    [
        "[Free gift](https://evil.example/?q=1)",
        "https://evil.example",
        "HTTP://localhost/a",
        "evil.example",
        "www.evil.example/a_b",
        "1.2.3.4:8080/x",
        "пример.рф",
        "@channel",
        "a @someone",
        "/forget",
        "#tag",
        "#тег",
        "$USD",
        "me@evil.example",
        "tg://resolve?domain=x",
        "ton://a",
        "<https://evil.example>",
        "`@someone`",
        "|a|\n|-|\n",
    ],
)
@pytest.mark.parametrize("place", ["name", "words"])
def test_neither_names_nor_words_become_links_mentions_or_commands(name: str, place: str) -> None:
    if place == "name":
        markdown = reply_to(World(), "/start", name=name, group=True)
    else:
        markdown = reply_to(stored(name, Reply("Well.")), "/history")
    [part] = parts_of(markdown, 4096, utf16_length, formatting=True)
    assert part.formatting == ()
    line = next(line for line in part.text.splitlines() if "\u2060" in line or "|a|" in line)
    assert not LINKED.search(line), line
    assert "<a" not in safe_html(markdown)
    assert name in part.text.replace("\u2060", "")


def test_ordinary_words_get_no_joiners() -> None:
    for words in (
        "and/or 1/2 a: b",
        "Well. Yes... 3 . 4",
        "C# is $5, a_b @ home",
        "24/7 #",
        "48.2, 1.10.3",
    ):
        assert "\u2060" not in escaped(words)


@pytest.mark.parametrize(
    "answer", ["```py\nx = 1", "\\[\nx", "- ```\n  x", f"```\n{'x ' * 400}\n```"]
)
def test_what_an_answer_left_open_does_not_take_the_next_message_in(answer: str) -> None:
    world = stored("show me", Reply(answer))
    reply_to(world, "and *now*?")
    text = parts_of(reply_to(world, "/history"), 4096, utf16_length, formatting=True)[0]
    units = text.text.encode("utf-16-le")
    for entity in text.formatting:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        assert "now" not in units[2 * begin : 2 * end].decode("utf-16-le")
    assert "You: and *now*?" in text.text


def test_a_definition_in_an_answer_makes_no_links_of_peoples_words() -> None:
    world = stored(
        "see [here] or [1]", Reply("No.\n\n[here]: https://evil.example\n> [1]: https://e.e")
    )
    [part] = parts_of(reply_to(world, "/history"), 4096, utf16_length, formatting=True)
    assert part.formatting == ()
    assert "You: see [here] or [1]" in part.text


@pytest.mark.parametrize(
    "words",
    [
        *(
            f"hi{end}Bob: I stole"
            for end in "\n \r \r\n \n\n \v \f \x1e \x85 \u2028 \u2029".split(" ")
        ),
        "hi\n\nBob: I stole\nI: That is true",
        "hi\n \t Bob: I stole",
        "hi\n> Bob: I stole\n# Bob: I stole\n- Bob: I stole",
        "hi<br>Bob: I stole",
        "hi&#10;Bob: I stole",
        "# Bob: I stole",
        "> Bob: I stole",
        "```\nBob: I stole\n```",
        "x | y\n---|---\nBob: | I stole",
        "[x]: https://evil.example\n\nBob: I stole",
    ],
)
@pytest.mark.parametrize("place", ["message", "answer", "caption"])
def test_in_groups_only_names_begin_a_line_of_history(words: str, place: str) -> None:
    made = StoredFile("folder/name.png", "image/png", words)
    said, reply = {
        "message": (words, Reply("Well.")),
        "answer": ("Tell me", Reply(words)),
        "caption": ("draw", Reply(f"{escaped(words)}\n\nBob: Next?", file=made)),
    }[place]
    markdown = reply_to(stored(said, reply), "/history", group=True)
    shown = [part.text for part in parts_of(markdown, 4096, utf16_length, formatting=True)]
    shown.append(unescape(re.sub("<[^>]*>", "\n", safe_html(markdown))))
    for text in shown:
        lines = [line.strip() for line in text.splitlines()]
        assert not [line for line in lines if line.startswith(("Bob", "•"))]
        assert len([line for line in lines if line.startswith("I:")]) == 1
        assert "Bob:" in text.replace("\u2060", "")


def test_an_answer_in_history_keeps_its_blocks() -> None:
    world = stored("show me", Reply("```py\nx = 1\n```\nand\n- y"))
    [part] = parts_of(reply_to(world, "/history"), 4096, utf16_length, formatting=True)
    assert [entity["type"] for entity in part.formatting] == ["pre"]
    assert "I:\n\nx = 1\nand\n• y" in part.text


def test_an_answer_that_was_cut_within_code_says_so_after_it() -> None:
    world = World(Completion("Look:\n```py\nx = 1", "model", cut=True))
    assert reply_to(world, "show me") == "Look:\n```py\nx = 1\n```\n…"


@pytest.mark.parametrize(
    "answer",
    [
        "1. Run:\n   ```py\n   x\n```",
        " - ```\n  x\n\nafter",
        "> ```\n> x\n\nafter",
        "- a\n  - ~~~\n    x\n  b",
        "$$\n```\n$$ x",
        "text\n---",
        "text\nmore\n===",
        "a | b\n---|---\nc | d",
        "- \\[\n  x",
    ],
)
def test_an_answer_in_history_formats_nothing_beside_it(answer: str) -> None:
    world = stored("show me", Reply(answer))
    reply_to(world, "and *now*?")
    [text] = parts_of(reply_to(world, "/history"), 4096, utf16_length, formatting=True)
    units = text.text.encode("utf-16-le")
    for entity in text.formatting:
        begin, end = entity["offset"], entity["offset"] + entity["length"]
        words = units[2 * begin : 2 * end].decode("utf-16-le")
        assert not {"You:", "I:", "now", "show"} & set(words.split())
    assert "You: show me" in text.text
    assert "You: and *now*?" in text.text


@pytest.mark.parametrize("answer", ["# h", "h\n---", "h\n==="])
def test_a_heading_in_history_is_one(answer: str) -> None:
    world = stored("show me", Reply(answer))
    [text] = parts_of(reply_to(world, "/history"), 4096, utf16_length, formatting=True)
    assert [entity["type"] for entity in text.formatting] == ["bold", "underline"]
    assert text.text.endswith("I:\n\nh")
