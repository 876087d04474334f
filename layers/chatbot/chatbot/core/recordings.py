"""Find out how long a recording is, as it is counted for DAILY_RECORDINGS.

The platforms do not say, or repeat what the sender's app has said. So the file itself is read, and
where its header cannot be, its size decides.
"""

from __future__ import annotations

import math
import re

from chatbot.core.limits import RECORDING_LEAST_BYTES, RECORDING_MOST_BYTES, RECORDING_RATE

_PCM = (1, 3)
"""Formats of uncompressed samples, integers and floating-point (Microsoft, "WAVEFORMATEX")."""
_EXTENSIBLE = 0xFFFE
_MOST_SAMPLES, _MOST_CHANNELS, _MOST_BITS = 48_000, 2, 32
"""Of uncompressed sound that speech is recorded in; more is believed as far as a header is."""
_MOST_CHUNKS = 16
_OPUS_RATE = 48_000
"""Samples a second in the positions of Opus, whatever was recorded (RFC 7845, section 4)."""
_MP3_KILOBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
"""Of MPEG 1 Layer III by its index (ISO 11172-3, 2.4.2.3)."""


def minutes_of(content: bytes, media_type: str) -> int:
    """Return the length in minutes, rounded up, at least 1.

    A header may lie or be broken: no file counts for less than its size at RECORDING_MOST_BYTES a
    second, nor for more than its size at RECORDING_LEAST_BYTES. Only of uncompressed sound every
    sample counts as it is heard, whatever its rate.
    """
    reader = {
        "audio/ogg": _ogg,
        "audio/mp4": _mp4,
        "audio/wav": _wav,
        "audio/flac": _flac,
        "audio/mpeg": _mp3,
    }.get(media_type)
    size = len(content)
    seconds = (reader(content) if reader else 0.0) or size / RECORDING_RATE
    exact = _bytes_of_pcm(content) if media_type == "audio/wav" else 0
    seconds = size / exact if exact else max(seconds, size / RECORDING_MOST_BYTES)
    seconds = min(seconds, size / RECORDING_LEAST_BYTES)
    return max(1, math.ceil(seconds / 60))


def _ogg(content: bytes) -> float:
    """By the position of the last page (RFC 3533, section 6)."""
    last = content.rfind(b"OggS")
    if last < 0:
        return 0.0
    position = int.from_bytes(content[last + 6 : last + 14], "little", signed=True)
    vorbis = content.find(b"\x01vorbis", 0, 200)  # Vorbis I specification, 4.2.2
    rate = _OPUS_RATE if vorbis < 0 else _number(content, vorbis + 12, 4, "little")
    return max(0, position) / rate if rate else 0.0


def _mp4(content: bytes) -> float:
    """By the header of the movie (ISO 14496-12, "Movie Header Box")."""
    at = content.find(b"mvhd")
    if at < 0:
        return 0.0
    start, size = (at + 24, 8) if content[at + 4 : at + 5] == b"\x01" else (at + 16, 4)
    scale = _number(content, start, 4)
    length = _number(content, start + 4, size)
    unknown = length == 256**size - 1
    return length / scale if scale and not unknown else 0.0


def _wav(content: bytes) -> float:
    """By its bytes a second (Microsoft, "WAVEFORMATEX")."""
    at = _wav_format(content)
    rate = _number(content, at + 8, 4, "little") if at else 0
    return len(content) / rate if rate else 0.0


def _bytes_of_pcm(content: bytes) -> int:
    """Bytes of a second of uncompressed sound, 0 for other forms and for odd ones.

    By what decoders go by: rate, channels and bits. Nothing depends on the field for the bytes of a
    second, in which a file can say anything.
    """
    at = _wav_format(content)
    tag, channels, rate, align, bits = (
        _number(content, at + offset, size, "little")
        for offset, size in ((0, 2), (2, 2), (4, 4), (12, 2), (14, 2))
    )
    if tag == _EXTENSIBLE:
        tag = _number(content, at + 24, 2, "little")  # the beginning of the subformat's GUID
    plausible = rate <= _MOST_SAMPLES and channels <= _MOST_CHANNELS and bits <= _MOST_BITS
    fits = align == channels * ((bits + 7) // 8)
    return rate * align if at and tag in _PCM and plausible and fits else 0


def _wav_format(content: bytes) -> int:
    """Where the fields of the format begin, 0 without any (Microsoft, "RIFF")."""
    at = 12
    for _ in range(_MOST_CHUNKS):
        size = _number(content, at + 4, 4, "little")
        if content[at : at + 4] == b"fmt ":
            return at + 8
        at += 8 + size + size % 2
    return 0


def _flac(content: bytes) -> float:
    """By its number of samples (RFC 9639, section 8.2)."""
    packed = _number(content, 18, 8)
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    return samples / rate if rate else 0.0


def _mp3(content: bytes) -> float:
    """By the rate of the first frame of MPEG 1 Layer III; others by their size."""
    frame = re.search(rb"\xff[\xfa\xfb]([\x10-\xef])", content[:200_000])
    return len(content) / (_MP3_KILOBITS[frame[1][0] >> 4] * 125) if frame else 0.0


def _number(content: bytes, at: int, size: int, order: str = "big") -> int:
    return int.from_bytes(content[at : at + size], "little" if order == "little" else "big")
