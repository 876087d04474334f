"""How long a recording is, and how many of them a person has transcribed in a day."""

from __future__ import annotations

import io
import struct
import wave

import pytest

from chatbot.core.errors import ModelUnavailable
from chatbot.core.files import File
from chatbot.core.recordings import minutes_of
from chatbot.core.translations import say
from chatbot.core.work import HandBack
from tests.world import World


def ogg(samples: int, first: bytes = b"OpusHead", size: int = 0) -> bytes:
    """Two pages of an Ogg stream: the codec's header, and the last one with its position."""
    page = b"OggS\0%c" + bytes(8) + bytes(12) + b"\x01%c"
    begin = page % (2, len(first)) + first
    return begin + bytes(size) + b"OggS\0\x04" + struct.pack("<q", samples) + bytes(12)


def vorbis(samples: int, rate: int) -> bytes:
    header = b"\x01vorbis" + bytes(5) + struct.pack("<I", rate) + bytes(13)
    return ogg(samples, header, size=samples // 10)


def mp4(scale: int, length: int, *, wide: bool = False) -> bytes:
    form, times = (">BxxxQQIQ", (0, 0)) if wide else (">BxxxIIII", (0, 0))
    header = b"mvhd" + struct.pack(form, int(wide), *times, scale, length)
    return b"\0\0\0\x18ftypM4A " + bytes(12) + b"\0\0\0\x6cmoov\0\0\0\x64" + header


def wav(seconds: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000 * seconds))
    return buffer.getvalue()


def wav_of(
    tag: int, channels: int, rate: int, said: int, bits: int, size: int, *, before: bytes = b""
) -> bytes:
    """A file whose header says `said` bytes a second."""
    align = channels * bits // 8
    form = struct.pack("<HHIIHHHHI", tag, channels, rate, said, align, bits, 22, bits, 3)
    form += b"\x01\0" + bytes.fromhex("000000001000800000aa00389b71")
    chunks = before + b"fmt " + struct.pack("<I", len(form)) + form
    return b"RIFF\0\0\0\0WAVE" + chunks + b"data" + struct.pack("<I", size) + bytes(size)


JUNK = b"JUNK\x17\0\0\0fmt " + wav_of(1, 2, 48_000, 192_000, 16, 0)[16:35] + b"\0"


def flac(rate: int, samples: int) -> bytes:
    packed = rate << 44 | 1 << 41 | 15 << 36 | samples
    return b"fLaC\x80\0\0\x22" + bytes(10) + packed.to_bytes(8, "big") + bytes(16)


def mp3(kilobits_index: int, size: int) -> bytes:
    return b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb" + bytes([kilobits_index << 4]) + bytes(size)


@pytest.mark.parametrize(
    ("content", "kind", "minutes"),
    [
        (ogg(48_000 * 60, size=200_000), "ogg", 1),
        (ogg(48_000 * 61, size=200_000), "ogg", 2),
        (ogg(48_000 * 3600, size=900_000), "ogg", 60),
        (vorbis(44_100 * 601, 44_100), "ogg", 11),
        (mp4(1000, 125_000) + bytes(900_000), "mp4", 3),
        (mp4(44_100, 44_100 * 3000, wide=True) + bytes(900_000), "mp4", 50),
        (wav(90), "wav", 2),
        (wav_of(1, 2, 44_100, 176_400, 16, 176_400 * 55), "wav", 1),
        (wav_of(0xFFFE, 2, 44_100, 176_400, 16, 176_400 * 55), "wav", 1),
        (wav_of(1, 2, 44_100, 176_400, 16, 176_400 * 55, before=b"bext\1\0\0\0a\0"), "wav", 1),
        (wav_of(7, 1, 8_000, 8_000, 8, 8_000 * 61), "wav", 2),
        (wav_of(1, 6, 96_000, 1_728_000, 24, 1_728_000 * 5), "wav", 4),
        (flac(44_100, 44_100 * 200) + bytes(900_000), "flac", 4),
        (mp3(9, 16_000 * 150), "mpeg", 3),
        (mp3(14, 40_000 * 150), "mpeg", 3),
        (b"\x1aE\xdf\xa3" + bytes(8_000 * 130), "webm", 3),
    ],
)
def test_the_header_says_how_long_it_is(content: bytes, kind: str, minutes: int) -> None:
    assert minutes_of(content, f"audio/{kind}") == minutes


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "ogg"),
        (b"OggS", "ogg"),
        (ogg(-1), "ogg"),
        (vorbis(5, 0), "ogg"),
        (b"\x01vorbis", "ogg"),
        (mp4(0, 5), "mp4"),
        (mp4(1000, 2**32 - 1), "mp4"),
        (b"\0\0\0\x18ftypmvhd", "mp4"),
        (b"RIFF\0\0\0\0WAVE", "wav"),
        (b"RIFF\0\0\0\0WAVEfmt " + bytes(20), "wav"),
        (b"fLaC", "flac"),
        (flac(0, 5), "flac"),
        (b"\xff\xf3\x40", "mpeg"),
    ],
)
def test_what_says_nothing_counts_by_its_size(content: bytes, kind: str) -> None:
    assert minutes_of(content, f"audio/{kind}") == 1
    if kind != "ogg" or not content.startswith(b"OggS"):
        assert minutes_of(content + bytes(8_000 * 119), f"audio/{kind}") == 2


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (ogg(1, size=9_600_000), "ogg"),
        (mp4(1000, 1) + bytes(9_600_000), "mp4"),
        (flac(44_100, 1) + bytes(9_600_000), "flac"),
        (wav_of(17, 1, 8_000, 2**32 - 1, 4, 9_600_000), "wav"),
        (wav_of(1, 1, 2**32 - 1, 2**32 - 1, 8, 9_600_000), "wav"),
        (wav_of(1, 255, 48_000, 2**32 - 1, 8, 9_600_000), "wav"),
        (wav_of(1, 1, 48_000, 2**32 - 1, 128, 9_600_000), "wav"),
    ],
)
def test_a_header_that_lies_does_not_make_it_free(content: bytes, kind: str) -> None:
    assert minutes_of(content, f"audio/{kind}") == 5


@pytest.mark.parametrize("before", [b"", JUNK])
def test_of_uncompressed_sound_each_sample_counts(before: bytes) -> None:
    """What a decoder goes by decides, not the field beside it, nor a chunk that looks like it."""
    content = wav_of(1, 1, 8_000, 192_000, 8, 8_000 * 60 * 20, before=before)
    assert minutes_of(content, "audio/wav") == 21


def test_a_broken_header_does_not_use_up_the_day() -> None:
    assert minutes_of(ogg(2**62, size=20_000), "audio/ogg") == 2


def _recording(world: World, name: str, minutes: int, text: str = "", author: str = "7") -> str:
    """Send a recording. Returns the first post that follows."""
    before = len(world.channel.received)
    world.channel.files[name] = File(ogg(48_000 * 60 * minutes, size=60_000 * minutes), "audio/ogg")
    said = f"[recording] {text}".strip()
    world.handle(world.envelope(said, media=[("audio", name)], author=author))
    return world.channel.received[before]


def test_minutes_of_recordings_are_limited_in_a_day() -> None:
    world = World(daily_recordings=5)
    refusal = say("daily_recordings", "en", most=5)
    said = [
        _recording(world, name, minutes) for name, minutes in zip("abcd", (3, 3, 2, 1), strict=True)
    ]
    assert [text == refusal for text in said] == [False, True, False, True]
    assert len(world.model.prompts) == 2
    assert _recording(world, "e", 5, author="8") != refusal, "another's minutes are their own"
    world.clock.advance(24 * 3600)
    assert _recording(world, "f", 5) != refusal


def test_one_that_is_longer_than_the_limit_is_never_transcribed() -> None:
    assert _recording(World(daily_recordings=5), "a", 6) == say("daily_recordings", "en", most=5)


def test_the_words_beside_it_are_answered() -> None:
    posted = _recording(World(daily_recordings=1), "a", 2, "Hello")
    assert posted.startswith(say("daily_recordings", "en", most=1))
    assert "You said:" in posted
    assert "Hello" in posted


def test_without_a_limit_they_are_not_counted() -> None:
    world = World(daily_recordings=0, daily_images=0)
    assert "You said:" in _recording(world, "a", 500)
    assert not world.history.calls["count_today"]


def test_a_redelivery_is_counted_once() -> None:
    world = World(ModelUnavailable("503"), daily_recordings=3)
    world.channel.files["a"] = File(ogg(48_000 * 120, size=60_000), "audio/ogg")
    envelope = world.envelope("[recording]", media=[("audio", "a")])
    assert isinstance(world.handle(envelope), HandBack)
    world.handle(envelope, receive_count=2)
    assert "You said:" in _recording(world, "b", 1)
