"""/forget erases every file of the conversation, also those no turn names, and ends in time."""

from __future__ import annotations

from collections.abc import Iterator

from chatbot.core.errors import FilesUnavailable, HistoryUnavailable
from chatbot.core.files import File
from chatbot.core.key import folder_of
from chatbot.core.message import Kind
from chatbot.core.translations import sentences
from chatbot.core.work import Done, HandBack
from tests.unit.test_commands import say
from tests.world import CONVERSATION, World

PNG = File(b"\x89PNG\r\n\x1a\n", "image/png")


def test_a_picture_is_erased_whose_turn_was_never_stored() -> None:
    world = World()

    def away(step: str, moment: str) -> None:
        if step == "put" and moment == "before":
            raise HistoryUnavailable("throttled")

    world.history.fault = away
    drawn = world.envelope("/image a fox")
    assert isinstance(world.handle(drawn), HandBack)
    world.history.fault = lambda step, moment: None
    assert len(world.files.files) == 1
    assert not world.history.all(CONVERSATION)
    say(world, "/forget yes")
    assert not world.files.files
    assert world.handle(drawn, 2) == Done()
    assert not world.files.files, "what was said before is not answered"


def test_the_files_of_others_stay() -> None:
    world = World()
    others = f"{folder_of('telegram:43')}/a.png"
    world.files.keep(others, PNG)
    say(world, "/image a fox")
    say(world, "/forget yes")
    assert [*world.files.files] == [others]


def test_the_files_of_the_group_before_it_moved_are_erased() -> None:
    world, old, new = World(), "telegram:-5", "telegram:-1001"
    world.handle(world.envelope("/image a fox", old))
    world.handle(world.envelope("", new, kind=Kind.MOVED, moved_from=old))
    assert world.files.files
    world.handle(world.envelope("/forget yes", new))
    assert not world.files.files


def test_a_forget_that_was_redriven_leaves_what_is_newer() -> None:
    world = World()
    say(world, "/image a fox")
    forget = world.envelope("/forget yes")
    newer = say(world, "/image an owl")
    assert newer.reply.file
    assert world.handle(forget) == Done()
    assert [*world.files.files] == [newer.reply.file.name]


def test_it_goes_on_where_its_time_ended() -> None:
    world = World()
    for number in range(30):
        world.files.keep(f"{folder_of(CONVERSATION)}/{number}.png", PNG)
    names, delete = world.files.names, world.files.delete

    def slow(conversation: str) -> Iterator[str]:
        for name in names(conversation):
            world.clock.advance(3)
            yield name

    world.files.names = slow  # type: ignore[method-assign]
    world.files.delete = lambda each: [delete([name]) for name in each]  # type: ignore[assignment, method-assign]
    forget = world.envelope("/forget yes")
    receives, left = 0, [30]
    while left[-1]:
        receives += 1
        outcome = world.handle(forget, receives)
        left.append(len(world.files.files))
        assert left[-1] < left[-2], "each delivery erases some"
        assert outcome == Done() or (isinstance(outcome, HandBack) and outcome.deliberate)
    assert receives > 1
    assert world.turn(forget).reply.text.startswith("Everything that I kept of you is erased;")


def test_nothing_is_said_to_be_erased_while_the_bucket_is_away() -> None:
    world = World()
    say(world, "My name is Ada")

    def away(conversation: str) -> Iterator[str]:
        raise FilesUnavailable("ListObjectsV2: SlowDown")

    world.files.names = away  # type: ignore[method-assign]
    assert isinstance(world.handle(world.envelope("/forget yes")), HandBack)
    assert len(world.history.all(CONVERSATION)) == 1


def test_the_person_is_told_what_is_kept_for_how_long() -> None:
    for language, days in (("en", "35 more days"), ("de", "noch 35 Tage")):
        text = sentences(language)["forgotten"].format(backups=35, letters=28)
        assert days in text
        assert " 28" in text
        assert ("two days" if language == "en" else "zwei Tage") in text
        assert len(text) < 300
