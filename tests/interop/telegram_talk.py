"""All that leads to a call of the Bot API: answers, drafts, commands, files, registration."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from chatbot.channels.registering import Tries
from chatbot.channels.telegram.outbound import TEXT_LIMIT
from chatbot.channels.telegram.registration import TelegramRegistration
from chatbot.core import command_menu
from chatbot.core.errors import ChatbotError
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Kind, Message
from chatbot.net.post import Session
from local.standins.base import Call
from tests.fakes.clock import NOON
from tests.fakes.model import FakeModel
from tests.interop.desk import Conversation, Desk, Handled
from tests.interop.formatted import Formatted, answer
from tests.unit import test_formatting as formatting

NAME = "interop_bot"
PERSONAS = '{"%s": "You are brief.", "Ä🙂": "You are kind."}' % ("P" * 20)
SEED = "1"
SHORT, LONG, DRAFTS = 150, 6, 40
"""Generated answers: of a few blocks each, of many messages each; drafts of them."""
ADA = {"id": 7, "is_bot": False, "first_name": "Ada *_`[<", "language_code": "de"}
PRIVATE, GROUP = {"id": 7, "type": "private"}, {"id": -1007, "type": "supergroup"}
PLACES: tuple[dict[str, Any], ...] = (
    {"chat": PRIVATE},
    {"chat": GROUP},
    {"chat": GROUP, "message_thread_id": 3, "is_topic_message": True},
)
SAID = (
    "Hi",
    *(f"/{name}" for name in command_menu.COMMANDS),
    "/image a *red* fox\n\nwith two paragraphs",
    "/image " + "a fox, " * 300,
    "/new fresh",
    "/persona default",
    "/forget no",
    "/nonsense",
)
FILES = ("photo", "voice", "document", "video", "sticker")
REFUSED = {"posting_again", "undeliverable"}
"""What is logged where Telegram refuses a post, which may be posted again without formatting."""
Said = tuple[str, Sequence[Call]]
"""Why calls were made, and the calls."""


def generated() -> dict[str, Formatted]:
    """Answers with what they mean, by their names."""
    short = {f"short {n}": answer(SEED, n, 1 + n % 4) for n in range(SHORT)}
    return short | {f"long {n}": answer(SEED, -1 - n, 120) for n in range(LONG)}


LINKS = tuple(f"https://example.com/{number}" for number in range(250))
MANY_LINKS = "many links"


def written_by_hand() -> dict[str, str]:
    """The Markdown of the tests of formatting and some more, by its names.

    Without halves of characters, which the model's adapter replaces.
    """
    tests: Any = (
        formatting.test_small_samples,
        formatting.test_blocks_keep_their_lines_and_entities_nest_as_telegram_wants,
    )
    rows = [row[0] for test in tests for row in test.pytestmark[0].args[1]]
    rows = [row for row in rows if row == row.encode(errors="replace").decode()]
    rows += [formatting.SAMPLE, formatting.CODE, "x" * (TEXT_LIMIT + 1)]
    links = " ".join(f"[a]({address})" for address in LINKS)
    return {f"by hand {n}": row for n, row in enumerate(rows)} | {MANY_LINKS: links}


def answers(desk: Desk) -> Iterator[Said]:
    """Have the model give each answer, in private."""
    given = {name: made.markdown for name, made in generated().items()}
    given |= written_by_hand()
    for number, (name, markdown) in enumerate(given.items(), 1):
        yield name, _calls(desk, name, desk.handle(_update(number, text="Hi"), FakeModel(markdown)))


def drafts(desk: Desk) -> Iterator[Said]:
    """Show that the bot is at work, and answers that are cut anywhere."""
    rng, channel = random.Random(SEED), desk.channel()
    key = TurnKey.of("telegram:7", NOON, "000000000001:message")
    asked = Message(key, "telegram", Kind.TEXT, "Hi", Author("7"))
    known = len(desk.telegram.accepted)
    channel.show_typing(asked)
    channel.show_typing(asked, drawing=True)
    yield "typing", desk.telegram.accepted[known:]
    for name, made in [*generated().items()][-DRAFTS:]:
        known = len(desk.telegram.accepted)
        try:
            channel.preview(asked, made.markdown[: rng.randrange(1, len(made.markdown))])
        except ChatbotError:
            desk.refused.append(f"draft of {name}")
        yield f"draft of {name}", desk.telegram.accepted[known:]


def commands(desk: Desk) -> Iterator[Said]:
    """Give every command in private, in a group and in a topic of it."""
    mention = {"type": "mention", "offset": 0, "length": len(NAME) + 1}
    number = 0
    for place in PLACES:
        kept = Conversation()
        for said in SAID:
            number += 1
            grouped = place["chat"] is GROUP
            fields = {"text": f"@{NAME} {said}", "entities": [mention]} if grouped else {}
            update = _update(number, **{"text": said, **place, **fields})
            yield said, _calls(desk, said, desk.handle(update, FakeModel("so"), kept))


def files_and_buttons(desk: Desk) -> Iterator[Said]:
    """Send files, some of which are gone, and press buttons below messages that are gone."""
    known = desk.telegram.add_file(b"words", "documents/file_1.txt")
    for number, (kind, name) in enumerate(product(FILES, ("gone", known)), 1):
        file = {"file_id": name, "file_unique_id": "x", "file_name": "a_*b.txt"}
        sizes = [{**file, "width": 1, "height": 1}]
        content = {kind: sizes if kind == "photo" else file}
        yield kind, _calls(desk, kind, desk.handle(_update(number, **content)))
    for data in ("/help", "a word"):
        query = {"id": "4", "from": ADA, "chat_instance": "1", "data": data}
        pressed = {**query, "message": {"chat": PRIVATE, "message_id": 1, "date": 0}}
        handled = desk.handle({"update_id": 99, "callback_query": pressed})
        yield "button", _calls(desk, "button", handled)


def registration(desk: Desk) -> Iterator[Said]:
    """Register the webhook and the menus, and take them back."""
    known = len(desk.telegram.accepted)
    with Session() as session:
        url = "https://example.com"
        own = TelegramRegistration(desk.settings, url, session, Tries(30))
        own.register()
        assert own.points_here()
        own.unregister()
    yield "registration", desk.telegram.accepted[known:]


def everything(desk: Desk) -> Iterator[Said]:
    """Yield all of the above."""
    desk.telegram.administrators.add((GROUP["id"], ADA["id"]))  # type: ignore[arg-type]
    for part in (answers, drafts, commands, files_and_buttons, registration):
        yield from part(desk)


def _calls(desk: Desk, why: str, handled: Handled) -> Sequence[Call]:
    if REFUSED & {*handled.notes}:
        desk.refused.append(why)
    return handled.calls


def _update(number: int, **fields: Any) -> dict[str, Any]:
    message = {"message_id": number, "date": NOON // 1000, "chat": PRIVATE, "from": ADA}
    return {"update_id": number, "message": {**message, **fields}}
