"""Attachments and drawn pictures take their memory from the budget that all conversations share."""

from __future__ import annotations

import json
import time
from base64 import b64encode, encodebytes
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from chatbot.adapters.openai.drawn import picture_in
from chatbot.adapters.openai.media import OpenAIModel
from chatbot.core.budget import Budget, Share
from chatbot.core.completion import Spending
from chatbot.core.errors import MemoryBusy, ModelUnavailable
from chatbot.core.files import File
from chatbot.core.limits import MOST_DRAWN, MOST_PICTURE_BYTES, PDF_RESIDENT, in_base64
from chatbot.core.settings import Settings
from chatbot.core.work import Done, HandBack
from local.http.server import serve
from tests.world import World

MB = 1_000_000
PNG = File(b"\x89PNG\r\n\x1a\n" + bytes(2 * MB), "image/png")
PHOTO = ("photo", "here", 3 * MB)
ONE = in_base64(10 * MB)
ALBUM = MOST_PICTURE_BYTES + ONE


class Noted(Budget):
    """A budget that notes what is asked of it, and what is free while the model answers."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self.asked: list[int] = []

    def reserve(self, size: int, seconds: float) -> int:
        self.asked.append(size)
        return super().reserve(size, min(seconds, 0.01))

    @property
    def free(self) -> int:
        return self._free


@pytest.mark.parametrize(
    ("media", "size"),
    [
        ([], 0),
        ([("photo", "here", 3 * MB)], in_base64(3 * MB)),
        ([("photo", "here")], ONE),
        ([("photo", "here")] * 10, MOST_PICTURE_BYTES + ONE),
        ([("audio", "here", 3 * MB)] * 2, 2 * in_base64(3 * MB)),
        ([("audio", "here")] * 3, ONE),
        ([("document", "here", 3 * MB)], in_base64(3 * MB) + PDF_RESIDENT),
        ([("photo", "here"), ("audio", "here"), ("audio", "here", 3 * MB)], 2 * ONE),
    ],
)
def test_what_a_message_may_need_is_taken_at_once(media: list[Any], size: int) -> None:
    budget = Noted(200 * MB)
    world = World(budget=budget)
    world.channel.files["here"] = File(b"words", "audio/ogg")
    world.handle(world.envelope("words", media=media))
    assert budget.asked == [size]
    assert budget.free == budget.capacity


@pytest.mark.parametrize(
    ("media", "replied", "size"),
    [
        ([], [], ALBUM),
        ([("audio", "voice", MB)], [], ALBUM + in_base64(MB)),
        ([("document", "voice", MB)], [], ALBUM + PDF_RESIDENT),
        ([("photo", "here", MB)], [], in_base64(MB)),
        ([], [("audio", "voice", MB)], in_base64(MB)),
    ],
)
def test_pictures_of_the_turn_before_are_booked_where_they_are_loaded(
    media: list[Any], replied: list[Any], size: int
) -> None:
    budget = Noted(200 * MB)
    world = World(budget=budget)
    world.channel.files |= {"here": PNG, "voice": File(b"words", "audio/ogg")}
    world.handle(world.envelope("[picture] [picture] [picture]", media=[PHOTO] * 3))
    world.handle(world.envelope("And this?", media=media, brought=replied))
    assert budget.asked[1:] == [size]
    shown = len(world.model.prompts[-1][-1].pictures)
    assert shown == (0 if replied else 1 if ("photo", "here", MB) in media else 3)


def test_pictures_that_come_as_recordings_are_not_kept_beyond_what_is_booked() -> None:
    budget = Noted(200 * MB)
    world = World(budget=budget)
    world.channel.files["here"] = PNG
    album = [("photo", "here", 3 * MB), *[("audio", "here", 3 * MB)] * 9]
    world.handle(world.envelope("[picture]" + "[recording]" * 9, media=album))
    assert len(world.model.prompts[-1][-1].pictures) == 1


def test_while_the_model_answers_only_its_pictures_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    budget, free = Noted(50 * MB), list[int]()
    world = World(budget=budget)
    world.channel.files["here"] = PNG
    plain = world.model.answer

    def answer(*args: Any) -> Any:
        free.append(budget.free)
        return plain(*args)

    monkeypatch.setattr(world.model, "answer", answer)
    world.handle(world.envelope("[picture]", media=[PHOTO]))
    assert free == [50 * MB - in_base64(len(PNG.content))]
    assert budget.free == 50 * MB


@pytest.mark.parametrize("how", ["sent", "replied to", "of the turn before", "retried"])
def test_who_finds_no_memory_comes_again_and_nothing_is_counted(how: str) -> None:
    budget = Noted(10 * MB)
    world = World(budget=budget)
    world.channel.files["here"] = PNG
    if how in ("of the turn before", "retried"):
        world.handle(world.envelope("[picture]", media=[PHOTO]))
    ways: dict[str, Any] = {"sent": {"media": [PHOTO]}, "replied to": {"brought": [PHOTO]}}
    fields = ways.get(how, {})
    sent = world.envelope("/retry" if how == "retried" else "What is it?", **fields)
    asked = len(world.model.prompts)
    with budget.take(10 * MB, 0):
        outcome = world.handle(sent)
        assert isinstance(outcome, HandBack)
        assert outcome.deliberate
        assert isinstance(world.handle(sent, 2), HandBack)
        assert len(world.model.prompts) == asked
        assert "memory" in str(world.journal.warnings[-1]).lower()
        assert world.history.noted["telegram:42"][1].crashes == -1  # the first, too
    assert world.handle(sent, 3) == Done()
    assert len(world.model.prompts[-1][-1].pictures) == 1
    assert budget.free == budget.capacity


def test_others_are_answered_meanwhile() -> None:
    """Also while somebody waits for memory: what needs none does not stand in line."""
    budget = Budget(10 * MB)
    world = World(budget=budget)
    with ThreadPoolExecutor(1) as pool, budget.take(10 * MB, 0) as share:
        waiting = pool.submit(budget.take, 5 * MB, 10)
        end = time.monotonic() + 5
        while not budget._waiting:
            assert time.monotonic() < end
            time.sleep(0.001)
        assert world.handle(world.envelope("words")) == Done()
        assert not waiting.done()
        share.shrink(0)
        assert waiting.result(5).size == 5 * MB


def test_a_drawn_picture_is_taken_out_of_what_it_comes_in() -> None:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9
    encoded = b64encode(picture).decode()
    assert "/" in encoded
    for body in (
        json.dumps({"created": 1, "data": [{"b64_json": encoded, "revised_prompt": "a fox"}]}),
        json.dumps({"data": [{"b64_json": encoded}]}).replace("/", "\\/"),
        json.dumps({"data": [{"b64_json": encodebytes(picture).decode()}]}),
    ):
        found = picture_in(bytearray(body.encode()))
        assert found == File(picture, "image/png")
    assert picture_in(bytearray(b'{"data": [{"url": "https://example.com/p.png"}]}')) is None
    with pytest.raises(ValueError, match="picture"):
        picture_in(bytearray(b'{"data": [{"b64_json": "d29yZHM="}]}'))


def test_the_memory_of_a_drawn_picture_is_taken_before_it_is_paid_for() -> None:
    budget, picture = Noted(200 * MB), PNG.content
    body = json.dumps({"data": [{"b64_json": b64encode(picture).decode()}]}).encode()
    asked = [2 * (in_base64(MOST_DRAWN) + 65_536)]

    def respond(request: Request) -> Response:
        assert budget.asked == asked
        return Response(body, mimetype="application/json")

    with closing(serve(Request.application(respond))) as server:
        model = OpenAIModel(Settings(openai_base_url=server.url))
        with Share(budget) as room:
            assert model.draw("a fox", 10, Spending(), room).content == picture
            assert room.size == 2 * len(picture)
    assert budget.asked == asked
    assert budget.free == budget.capacity


def test_without_memory_no_picture_is_paid_for() -> None:
    budget, requests, spending = Noted(30 * MB), list[str](), Spending()

    def respond(request: Request) -> Response:
        requests.append(request.path)
        return Response(b"{}", mimetype="application/json")

    with closing(serve(Request.application(respond))) as server, budget.take(5 * MB, 0):
        model = OpenAIModel(Settings(openai_base_url=server.url))
        with Share(budget) as room, pytest.raises(MemoryBusy):
            model.draw("a fox", 10, spending, room)
    assert (requests, spending.paid, spending.requests) == ([], 0, 0)


def test_a_drawn_picture_that_is_too_large_is_not_taken() -> None:
    def respond(request: Request) -> Response:
        body = b'{"data": [{"b64_json": "' + b"A" * (in_base64(MOST_DRAWN) + 70_000) + b'"}]}'
        return Response(body, mimetype="application/json")

    with closing(serve(Request.application(respond))) as server:
        model = OpenAIModel(Settings(openai_base_url=server.url))
        with pytest.raises(ModelUnavailable, match="too large"):
            model.draw("a fox", 10, Spending())
