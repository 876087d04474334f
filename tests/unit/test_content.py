"""What messages contain besides text, as each channel reads it (channels/*/content.py)."""

from __future__ import annotations

from typing import Any

import pytest

from chatbot.channels.messenger import content as messenger
from chatbot.channels.telegram import content as telegram
from chatbot.channels.telegram.inbound import read
from chatbot.channels.telegram.update import Bot
from chatbot.core.message import Envelope, Kind, Media

SIZES = [
    {"file_id": "large", "file_size": 3000},
    {"file_id": "small", "file_size": 1000},
    {"file_id": "middle", "file_size": 2000},
]


@pytest.mark.parametrize(
    ("most", "chosen"), [(5000, "large"), (3000, "large"), (2999, "middle"), (1, "small")]
)
def test_the_largest_size_that_fits(most: int, chosen: str) -> None:
    [media] = telegram.media_of({"photo": SIZES}, most)
    assert (media.kind, media.source) == ("photo", chosen)


@pytest.mark.parametrize(
    ("message", "media"),
    [
        ({"photo": [{"file_id": "a"}]}, Media("photo", "a")),
        ({"voice": {"file_id": "a", "file_size": 7}}, Media("audio", "a", 7)),
        ({"audio": {"file_id": "a", "file_name": "x.mp3"}}, Media("audio", "a", 0, "x.mp3")),
        ({"video_note": {"file_id": "a"}}, Media("audio", "a")),
        ({"document": {"file_id": "a", "file_name": "n.txt"}}, Media("document", "a", 0, "n.txt")),
        ({"animation": {"file_id": "a"}, "document": {"file_id": "a"}}, None),
        ({"video": {"file_id": "a"}}, None),
        ({"photo": []}, None),
    ],
)
def test_what_telegram_lets_us_fetch(message: dict[str, Any], media: Media | None) -> None:
    assert list(telegram.media_of(message, 10)) == ([media] if media else [])


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"sticker": {"emoji": "👍"}}, "👍"),
        ({"sticker": {"file_id": "a"}}, "[sticker]"),
        ({"dice": {"emoji": "🎯", "value": 6}}, "[🎯 shows 6]"),
        ({"location": {"latitude": 1.5, "longitude": -2}}, "[location: 1.5, -2]"),
        (
            {
                "location": {"latitude": 1.5, "longitude": -2},
                "venue": {"title": "Inn", "address": "1 Road", "location": {"latitude": 1.5}},
            },
            "[location: Inn, 1 Road, 1.5, -2]",
        ),
        (
            {"contact": {"first_name": "Ada", "last_name": "L", "phone_number": "+1"}},
            "[contact: Ada L]",
        ),
        (
            {"poll": {"question": "Tea?", "options": [{"text": "Yes"}, {"text": "No"}]}},
            "[poll: Tea? Yes / No]",
        ),
        ({"video": {}}, ""),
        ({"text": "Hi"}, ""),
    ],
)
def test_what_the_model_is_told(message: dict[str, Any], words: str) -> None:
    assert " ".join(telegram.placeholders_of(message)) == words


def test_what_it_cannot_read_is_named_beside_a_caption() -> None:
    assert said(video={}, caption="Look") == (Kind.TEXT, "[video] Look", 0)
    assert said(animation={}, document={"file_id": "a"}, caption="Look")[1] == "[animation] Look"
    assert said(video={}) == (Kind.UNSUPPORTED, "", 0)


def said(**message: Any) -> tuple[Kind, str, int]:
    message |= {
        "message_id": 1,
        "from": {"id": 7},
        "chat": {"id": 7, "type": "private"},
        "date": 0,
    }
    found = read(Envelope("telegram", "telegram:7", "1", 0, {"message": message}), Bot(99, "bot"))
    return found.kind, found.text, len(found.media)


def test_a_caption_follows_its_picture_and_may_be_a_command() -> None:
    photo = {"photo": SIZES}
    assert said(**photo) == (Kind.TEXT, "[picture]", 1)
    assert said(**photo, caption="What?") == (Kind.TEXT, "[picture] What?", 1)
    assert said(**photo, caption="/help") == (Kind.COMMAND, "/help", 0)
    assert said(video={"file_id": "a"}) == (Kind.UNSUPPORTED, "", 0)


@pytest.mark.parametrize(
    ("kind", "payload", "media", "words"),
    [
        ("image", {"url": "https://a/b"}, Media("photo", "https://a/b"), ""),
        ("image", {"url": "https://a/b", "sticker_id": 5}, Media("photo", "https://a/b"), ""),
        ("image", {"url": "https://a/b", "sticker_id": 369239263222822}, None, "👍"),
        ("audio", {"url": "https://a/b"}, Media("audio", "https://a/b"), ""),
        (
            "file",
            {"url": "https://a/n.txt?x=/1"},
            Media("document", "https://a/n.txt?x=/1", 0, "n.txt"),
            "",
        ),
        ("location", {"coordinates": {"lat": 1.5, "long": -2}}, None, "[location: 1.5, -2]"),
        ("video", {"url": "https://a/b"}, None, ""),
        ("fallback", None, None, ""),
        ("image", None, Media("photo", ""), ""),
        ("file", {"url": None}, Media("document", ""), ""),
        ("file", {"url": 7}, Media("document", ""), ""),
        ("sticker", {"url": "https://a/b", "sticker_id": 5}, Media("photo", "https://a/b"), ""),
        ("sticker", {"url": "https://a/b", "sticker_id": 369239263222822}, None, "👍"),
        ("sticker", {"url": "https://a/b", "sticker_id": "369239343222814"}, None, "👍"),
        ("sticker", {"sticker_id": 5}, None, "[sticker]"),
        ("sticker", None, None, "[sticker]"),
        ("location", {"coordinates": {"lat": None, "long": "x"}}, None, ""),
        ("location", {"coordinates": None}, None, ""),
        ("fallback", {"title": "A", "url": "https://a/b"}, None, "[link: A https://a/b]"),
        ("share", {"url": "https://a/b"}, None, "[link: https://a/b]"),
        ("post", {"title": "A", "url": "https://a/b", "id": 7}, None, "[post: A https://a/b]"),
        ("ig_reel", {"title": "A\nB", "reel_video_id": 7}, None, "[ig_reel: A B]"),
        (
            "reel",
            {"title": "x" * 300, "url": "https://a/" + "b" * 400},
            None,
            f"[reel: {'x' * 200}…]",
        ),
        (
            "fallback",
            {"title": "A", "url": "https://l.facebook.com/l.php?u=https%3A%2F%2Fa%2Fb%3Fc&h=AT"},
            None,
            "[link: A https://a/b?c]",
        ),
        ("fallback", {"title": "A", "url": "https://[b"}, None, "[link: A https://[b]"),
        (
            "template",
            {"product": {"elements": [{"title": "Shoe", "subtitle": "$40"}, None, {"id": "7"}]}},
            None,
            "[template: Shoe $40]",
        ),
        ("template", {"elements": "none"}, None, ""),
        ("appointment_booking", {"status": "requested"}, None, "[appointment_booking: requested]"),
        ("of tomorrow", {"url": 1}, None, ""),
    ],
)
def test_what_messenger_brings(
    kind: str, payload: dict[str, Any] | None, media: Media | None, words: str
) -> None:
    message = {"attachments": [{"type": kind, **({"payload": payload} if payload else {})}]}
    assert list(messenger.media_of(message)) == ([media] if media else [])
    assert " ".join(messenger.placeholders_of(message)) == words


@pytest.mark.parametrize("attachments", [None, 5, "x", {}, [None, 5, "x", [], {}, {"type": 5}]])
def test_attachments_that_are_none(attachments: Any) -> None:
    message = {"text": "Hi", "attachments": attachments}
    assert not [*messenger.media_of(message), *messenger.placeholders_of(message)]


def test_a_link_stands_beside_the_attachment_until_graph_6() -> None:
    link = {"type": "fallback", "title": "A recipe", "url": "https://a/b", "payload": None}
    assert list(messenger.placeholders_of({"attachments": [link]})) == [
        "[link: A recipe https://a/b]"
    ]
    wave = {"type": "fallback", "title": "Ada is waving at you!", "url": None, "payload": None}
    assert list(messenger.placeholders_of({"attachments": [wave]})) == [
        "[link: Ada is waving at you!]"
    ]


def test_an_address_that_the_text_has_is_not_repeated() -> None:
    link = {"type": "fallback", "payload": {"title": "A", "url": "https://a/b"}}
    said = {"text": "Look: https://a/b", "attachments": [link]}
    assert list(messenger.placeholders_of(said)) == ["[link: A]"]


@pytest.mark.parametrize("number", [5, "5"])
def test_a_sticker_that_is_described_twice_is_one(number: Any) -> None:
    url = "https://a/b"
    image = {"type": "image", "payload": {"url": url, "sticker_id": 5}}
    sticker = {"type": "sticker", "payload": {"url": f"{url}?2", "sticker_id": number}}
    without_id = {"type": "sticker", "payload": {"url": url}}
    plain = {"type": "image", "payload": {"url": url}}
    for attachments in (
        *([image, sticker], [sticker, image], [image, without_id], [image] * 3),
        *(
            [plain, without_id],
            [without_id, plain],
            [sticker, {**plain, "payload": {"url": f"{url}?2"}}],
        ),
    ):
        assert len([*messenger.media_of({"attachments": attachments})]) == 1
    thumb = {"sticker_id": 369239383222810, "url": url}
    both = [{"type": kind, "payload": thumb} for kind in ("image", "sticker")]
    assert [*messenger.placeholders_of({"attachments": both})] == ["👍"]
    photos = [{"type": "image", "payload": {"url": url}}] * 2
    assert len([*messenger.media_of({"attachments": photos})]) == 2


def test_a_video_with_words() -> None:
    message = {"text": "Look", "attachments": [{"type": "video", "payload": {}}]}
    assert list(messenger.placeholders_of(message)) == ["[video]"]


def test_beside_words_the_model_is_told_of_what_it_cannot_see() -> None:
    attachments = [{"type": "like_heart"}, {"type": "fallback", "payload": None}, {}]
    message = {"text": "Look", "attachments": attachments}
    assert list(messenger.placeholders_of(message)) == ["[like_heart]", "[fallback]"]
