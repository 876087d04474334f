"""Pictures and files to and from people, over HTTP with the stand-ins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from chatbot.channels.messenger.outbound import MessengerChannel
from chatbot.channels.telegram import outbound
from chatbot.channels.telegram.outbound import TelegramChannel
from chatbot.core.errors import FilesUnavailable, PostRefused, Undeliverable, Unfetchable
from chatbot.core.files import File, FileStream, StoredFile
from chatbot.core.key import TurnKey
from chatbot.core.message import Author, Kind, Media, Message
from chatbot.core.settings import Settings
from chatbot.core.translations import say
from chatbot.core.turn import Button, Origin, Part, Reply, State, Turn
from chatbot.net.post import Session
from local.http.server import serve
from local.standins.contract import Upload
from local.standins.faults import Fault
from local.standins.graph import GraphStandIn
from local.standins.telegram import TelegramStandIn
from tests.fakes.clock import NOON
from tests.fakes.files import MemoryFiles
from tests.services import services

TOKEN = "99:a-token"
PNG = File(b"\x89PNG\r\n\x1a\n", "image/png")
FOX = StoredFile("folder/name.png", "image/png", "a red fox")
EXPORT = StoredFile("folder/name.json", "application/json", "conversation.json")


@pytest.fixture
def telegram() -> TelegramStandIn:
    return TelegramStandIn(TOKEN)


@pytest.fixture
def graph() -> GraphStandIn:
    return GraphStandIn("1", "secret", "2", "token")


class Bench:
    def __init__(self, settings: Settings, opened: ExitStack) -> None:
        self.files = MemoryFiles()
        self.files.files = {FOX.name: PNG, EXPORT.name: File(b"{}", EXPORT.type)}
        session, given = opened.enter_context(Session()), services(settings, files=self.files)
        self.telegram = TelegramChannel(given, session)
        self.messenger = MessengerChannel(given, session)


@pytest.fixture
def bench(telegram: TelegramStandIn, graph: GraphStandIn) -> Iterator[Bench]:
    with ExitStack() as opened:
        settings = Settings(
            telegram_bot_token=TOKEN,
            telegram_api_url=opened.enter_context(closing(serve(telegram))).url,
            messenger_app_secret="secret",
            messenger_page_id="2",
            messenger_page_token="token",
            graph_api_url=opened.enter_context(closing(serve(graph))).url + "/v26.0",
        )
        yield Bench(settings, opened)


def turn(conversation: str, reply: Reply, **fields: object) -> Turn:
    return Turn(
        key=TurnKey.of(conversation, NOON, "1:message"),
        channel=conversation.partition(":")[0],
        author=Author("42"),
        text="Hi",
        reply=reply,
        state=State.SENDING,
        origin=Origin.MODEL,
        **fields,  # type: ignore[arg-type]
    )


def posted(channel: TelegramChannel | MessengerChannel, reply: Reply) -> list[str]:
    conversation = f"{channel.name}:42"
    return [channel.post(turn(conversation, reply), part) for part in channel.split(reply)]


def test_telegram_gets_a_photo_with_its_caption(bench: Bench, telegram: TelegramStandIn) -> None:
    posted(bench.telegram, Reply("a **red** fox\n\nWhat next?", file=FOX))
    photo, text = telegram.accepted
    assert photo.method == "sendPhoto"
    assert photo.params == {
        "chat_id": 42,
        "photo": Upload("name.png", "image/png", PNG.content),
        "caption": "a red fox",
        "caption_entities": [{"type": "bold", "offset": 2, "length": 3}],
    }
    assert (text.method, text.params["text"]) == ("sendMessage", "What next?")


def test_a_long_caption_goes_on_as_text(bench: Bench, telegram: TelegramStandIn) -> None:
    prompt = "🦊 " * 600
    posted(bench.telegram, Reply(prompt, (Button("Again", "/retry"),), FOX))
    photo, text = telegram.accepted
    assert len(photo.params["caption"].encode("utf-16-le")) // 2 <= 1024
    assert f"{photo.params['caption']} {text.params['text']}" == prompt.strip()
    assert "reply_markup" not in photo.params
    assert "reply_markup" in text.params


def test_telegram_gets_a_file_by_its_name(bench: Bench, telegram: TelegramStandIn) -> None:
    group = turn("telegram:-100:3", Reply("All of it", file=EXPORT), quote="5")
    bench.telegram.post(group, bench.telegram.split(group.reply)[0])
    [call] = telegram.accepted
    assert call.method == "sendDocument"
    assert call.params["document"] == Upload("conversation.json", "application/json", b"{}")
    assert call.params["message_thread_id"] == 3
    assert call.params["reply_parameters"]["message_id"] == 5


def test_a_picture_too_large_for_a_photo_is_a_document(
    bench: Bench, telegram: TelegramStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "PHOTO_LIMIT", 7)
    posted(bench.telegram, Reply("a red fox", file=FOX))
    assert [call.method for call in telegram.accepted] == ["sendDocument"]


def test_a_caption_whose_formatting_is_refused_goes_plain(
    bench: Bench, telegram: TelegramStandIn
) -> None:
    telegram.faults.add(Fault("status", status=400))
    posted(bench.telegram, Reply("a **red** fox", file=FOX))
    [call] = telegram.accepted
    assert call.params["caption"] == "a red fox"
    assert "caption_entities" not in call.params


def test_messenger_gets_a_picture_then_its_words(bench: Bench, graph: GraphStandIn) -> None:
    posted(bench.messenger, Reply("a red fox", (Button("Again", "/retry"),), file=FOX))
    picture, text = graph.accepted
    assert picture.params["filedata"] == Upload("name.png", "image/png", PNG.content)
    assert picture.params["message"]["attachment"]["type"] == "image"
    assert picture.params["message"]["metadata"] == "chatbot:1:message"
    assert text.params["message"]["text"] == "a red fox"
    assert text.params["message"]["quick_replies"]


def test_messenger_gets_a_file(bench: Bench, graph: GraphStandIn) -> None:
    posted(bench.messenger, Reply("All of it", file=EXPORT))
    file, _ = graph.accepted
    assert file.params["message"]["attachment"]["type"] == "file"
    assert file.params["filedata"].filename == "conversation.json"


def test_what_is_gone_is_said(bench: Bench, telegram: TelegramStandIn, graph: GraphStandIn) -> None:
    bench.files.files.clear()
    for channel in (bench.telegram, bench.messenger):
        posted(channel, Reply("a red fox", file=FOX))
    gone = say("file_gone", "en")
    assert [call.params["text"] for call in telegram.accepted] == [f"{gone}\n\na red fox"]
    texts = [call.params["message"]["text"] for call in graph.accepted]
    assert texts == [gone, "a red fox"]


def test_a_bucket_that_is_away_is_a_post_that_never_left(
    bench: Bench, telegram: TelegramStandIn, graph: GraphStandIn
) -> None:
    def away(name: str) -> FileStream | None:
        raise FilesUnavailable("GetObject: SlowDown")

    bench.files.load = away  # type: ignore[method-assign]
    for channel in (bench.telegram, bench.messenger):
        with pytest.raises(PostRefused, match="SlowDown"):
            posted(channel, Reply("a red fox", file=FOX))
    assert not telegram.accepted + graph.accepted


def test_a_bucket_that_breaks_off_is_a_post_that_was_not_made(
    bench: Bench, telegram: TelegramStandIn, graph: GraphStandIn
) -> None:
    def half() -> Iterator[bytes]:
        yield PNG.content[:4]
        raise FilesUnavailable("GetObject: ReadTimeoutError")

    bench.files.load = lambda name: FileStream("image/png", len(PNG.content), half)  # type: ignore[method-assign]
    for channel in (bench.telegram, bench.messenger):
        with pytest.raises(PostRefused, match="ReadTimeoutError"):
            posted(channel, Reply("a red fox", file=FOX))
    assert not telegram.accepted + graph.accepted


def test_a_picture_is_read_back(bench: Bench, graph: GraphStandIn) -> None:
    reply = Reply("", file=FOX)
    asked = turn("messenger:42", reply, opened_at=time.time_ns() // 1_000_000)
    [part] = bench.messenger.split(reply)
    assert bench.messenger.find_posted(asked, part, ()) is None
    bench.messenger.post(asked, Part("some words"))
    assert bench.messenger.find_posted(asked, part, ()) is None
    first = bench.messenger.post(asked, part)
    assert bench.messenger.find_posted(asked, part, ()) == first
    assert bench.messenger.find_posted(asked, part, [first]) is None
    assert bench.messenger.find_posted(asked, Part("a red fox"), ()) is None


def test_telegram_shows_that_it_draws(bench: Bench, telegram: TelegramStandIn) -> None:
    key = TurnKey.of("telegram:42", NOON, "1:message")
    message = Message(key, "telegram", Kind.TEXT, "Hi", Author("42"))
    bench.telegram.show_typing(message, drawing=True)
    assert telegram.accepted[0].params["action"] == "upload_photo"


def test_what_was_sent_on_telegram_is_loaded(bench: Bench, telegram: TelegramStandIn) -> None:
    source = telegram.add_file(PNG.content, "photos/file_1.jpg")
    assert bench.telegram.load(Media("photo", source)) == PNG


def test_what_telegram_does_not_give(bench: Bench, telegram: TelegramStandIn) -> None:
    with pytest.raises(Unfetchable, match="gone"):
        bench.telegram.load(Media("photo", "nothing"))
    source = telegram.add_file(b"." * 21_000_000, "video_1.mp4")
    with pytest.raises(Unfetchable, match="too_large"):
        bench.telegram.load(Media("audio", source))
    source = telegram.add_file(b"." * 11_000_000, "video_2.mp4")
    with pytest.raises(Unfetchable, match="too_large"):
        bench.telegram.load(Media("audio", source))


@pytest.mark.parametrize("operation", ["getFile", "download"])
@pytest.mark.parametrize("kind", ["status", "hang_up_before"])
def test_a_load_that_fails_may_be_tried_again(
    bench: Bench, telegram: TelegramStandIn, operation: str, kind: str
) -> None:
    source = telegram.add_file(PNG.content, "photos/file_1.jpg")
    telegram.faults.add(Fault(kind, match=operation, status=502))  # type: ignore[arg-type]
    with pytest.raises(PostRefused) as caught:
        bench.telegram.load(Media("photo", source))
    assert "a-token" not in f"{caught.value!r}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_what_was_sent_on_messenger_is_loaded(bench: Bench, graph: GraphStandIn) -> None:
    base = bench.messenger._settings.graph_api_url.removesuffix("/v26.0")
    url = base + graph.add_file(PNG.content, "photo.jpg")
    assert bench.messenger.load(Media("photo", url)) == PNG


@pytest.mark.parametrize(
    "url",
    [
        "https://scontent.example/p.jpg",
        "https://fbcdn.net.example/p.jpg",
        "http://scontent.xx.fbcdn.net/p.jpg",
        "https://127.0.0.1/p.jpg",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_messenger_loads_from_metas_hosts_only(bench: Bench, url: str) -> None:
    with pytest.raises(Unfetchable):
        bench.messenger.load(Media("photo", url))


def test_a_person_who_is_gone_gets_no_picture(bench: Bench, telegram: TelegramStandIn) -> None:
    telegram.mark(42, "blocked")
    with pytest.raises(Undeliverable):
        posted(bench.telegram, Reply("a red fox", file=FOX))
