"""Convert turns and profiles to items of the conversation table, and back.

Empty values are not stored, unknown attributes are ignored. Some attributes have older names than
their fields: `made` is the reply's file, `leader` is `links.merged_into`, `asked` is
`asked_to_start`. Of the values of `kind`, only "break" is read; the others are for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import getsizeof
from typing import TYPE_CHECKING

from chatbot.core.files import StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Media
from chatbot.core.timeline import ConversationProfile
from chatbot.core.turn import Button, Claim, Links, Origin, Reply, State, Turn, Usage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = Mapping[str, AttributeValueTypeDef]

Plain = str | int | Sequence[str]
"""A value that an attribute can have."""


def value(plain: Plain) -> AttributeValueTypeDef:
    """Convert a text, integer or list of texts to a DynamoDB attribute value."""
    if isinstance(plain, str):
        return {"S": plain}
    if isinstance(plain, int):
        return {"N": str(plain)}
    return {"L": [{"S": text} for text in plain]}


def text(item: Item, name: str) -> str:
    """Read a text attribute; "" where there is none."""
    return item.get(name, {}).get("S", "")


def number(item: Item, name: str) -> int:
    """Read an integer attribute; 0 where there is none."""
    return int(item.get(name, {}).get("N", "0"))


def texts(item: Item, name: str) -> tuple[str, ...]:
    """Read a list of texts; empty where there is none."""
    return tuple(part.get("S", "") for part in item.get(name, {}).get("L", ()))


def pairs(item: Item, name: str) -> tuple[tuple[str, str], ...]:
    """Read pairs of texts that are stored as one list; empty where there is none."""
    halves = texts(item, name)
    return tuple(zip(halves[::2], halves[1::2], strict=False))


def size(item: Item) -> int:
    """Bytes of memory that the item's texts take."""
    return sum(getsizeof(attribute.get("S", "")) for attribute in item.values())


def key_of(key: TurnKey) -> dict[str, AttributeValueTypeDef]:
    """Convert a key to the primary key of the table."""
    return {"pk": {"S": key.conversation}, "sk": {"S": key.sort}}


def turn_to_item(turn: Turn) -> dict[str, AttributeValueTypeDef]:
    """Convert a turn to an item, without its expiry."""
    links, usage = turn.links, turn.usage
    claim = turn.claim or Claim("", 0)
    file = turn.reply.file
    plain: dict[str, Plain] = {
        "kind": "pointer" if links.merged_into else "break" if links.fresh_start else "turn",
        "channel": turn.channel,
        "author": turn.author.id,
        "name": turn.author.name,
        "language": turn.author.language,
        "text": turn.text,
        "reply": turn.reply.text,
        "plain": int(turn.reply.plain),
        "html": turn.html,
        "buttons": [half for each in turn.reply.buttons for half in (each.label, each.payload)],
        "made": (file.name, file.type, file.title) if file else (),
        "state": turn.state.value,
        "origin": turn.origin.value,
        "claim_token": claim.token,
        "claim_ends": claim.ends_at,
        "posted": turn.posted,
        "opened_at": turn.opened_at,
        "quote": turn.quote,
        "lifted_by": links.lifted_by,
        "leader": links.merged_into,
        "more": turn.more,
        "resumed": int(links.resumed),
        "replaces": links.replaces,
        "rating": turn.rating,
        "since": turn.since,
        "model": usage.model,
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "estimate": usage.estimate,
        "media": [half for each in turn.media for half in (each.kind, each.source)],
    }
    return key_of(turn.key) | {name: value(each) for name, each in plain.items() if each}


def item_to_turn(item: Item) -> Turn:
    """Convert an item back to a turn, whichever version has written it."""
    token = text(item, "claim_token")
    file = texts(item, "made")
    reply = Reply(
        text(item, "reply"),
        tuple(Button(*pair) for pair in pairs(item, "buttons")),
        StoredFile(*file) if file else None,
        bool(number(item, "plain")),
    )
    return Turn(
        key=TurnKey(text(item, "pk"), text(item, "sk")),
        channel=text(item, "channel"),
        author=Author(text(item, "author"), text(item, "name"), text(item, "language")),
        text=text(item, "text"),
        reply=reply,
        state=State(text(item, "state")),
        origin=Origin(text(item, "origin")),
        claim=Claim(token, number(item, "claim_ends")) if token else None,
        posted=texts(item, "posted"),
        opened_at=number(item, "opened_at"),
        quote=text(item, "quote"),
        more=text(item, "more"),
        rating=number(item, "rating"),
        since=text(item, "since"),
        links=Links(
            fresh_start=text(item, "kind") == "break",
            lifted_by=text(item, "lifted_by"),
            resumed=bool(number(item, "resumed")),
            merged_into=text(item, "leader"),
            replaces=text(item, "replaces"),
        ),
        usage=Usage(
            model=text(item, "model"),
            tokens_in=number(item, "tokens_in"),
            tokens_out=number(item, "tokens_out"),
            estimate=number(item, "estimate"),
        ),
        media=tuple(Media(*pair) for pair in pairs(item, "media")),
        html=text(item, "html"),
    )


def item_to_profile(item: Item) -> ConversationProfile:
    """Convert an item, empty for none, to a profile."""
    return ConversationProfile(
        registered=bool(number(item, "registered")),
        name=text(item, "name"),
        language=text(item, "language"),
        mode=text(item, "mode"),
        persona=text(item, "persona"),
        asked_to_start=bool(number(item, "asked")),
        forgotten_before=text(item, "forgotten_before"),
        moved_from=text(item, "moved_from"),
    )
