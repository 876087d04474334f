"""Which type a file has by its content (core/file_types.py)."""

from __future__ import annotations

import pytest

from chatbot.core.file_types import ARCHIVES, OFFICE, PDF, PICTURES, RECORDINGS, type_of


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n123", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF1234WEBPVP8", "image/webp"),
        (b"GIF89a", "image/gif"),
    ],
)
def test_pictures_that_models_take(content: bytes, expected: str) -> None:
    assert type_of(content) == expected
    assert expected in PICTURES


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"OggS\0", "audio/ogg"),
        (b"ID3\4", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"\0\0\0\x1cftypM4A ", "audio/mp4"),
        (b"\0\0\0\x1cftypmp42", "audio/mp4"),
        (b"\0\0\0\x1cftypqt  ", "audio/mp4"),
        (b"RIFF1234WAVEfmt", "audio/wav"),
        (b"fLaC", "audio/flac"),
        (b"\x1aE\xdf\xa3", "audio/webm"),
    ],
)
def test_recordings_that_can_be_transcribed(content: bytes, expected: str) -> None:
    assert type_of(content) == expected
    assert expected in RECORDINGS


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"\0\0\0\x1cftyp" + brand
            for brand in b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 miaf msf1 avif avis "
            b"avci crx_".replace(b"_", b" ").split(b" ", 15)
        ),
        b"II*\0\x10\0\0\0CR\2\0",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08",
        b"II+\0\x08\0\0\0",
        b"IIRO\x08\0\0\0",
        b"IIRS\x08\0\0\0",
        b"MMOR\0\0\0\x08",
        b"IIU\0\x18\0\0\0",
        b"FUJIFILMCCD-RAW 0201FF",
        b"FOVb\0\0\2\0",
        b"\0MRM\0\0",
        b"BM\x36\0\3\0\0\0\0\0\x36\0",
        b"8BPS\0\1\0",
        b"\xff\x0a\xfa",
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"\0\0\0\x0cjP  \r\n\x87\n",
        b"\0\0\1\0\1\0",
    ],
)
def test_pictures_that_no_model_takes(content: bytes) -> None:
    assert type_of(content).startswith("image/")
    assert type_of(content) not in PICTURES


@pytest.mark.parametrize(
    "content",
    [
        b"#!AMR\n",
        b"#!AMR-WB\n",
        b"\xff\xf1\x50\x80",
        b"FORM\0\0\0\1AIFC",
        b"caff\0\1\0\0",
        b"MThd\0\0\0\6",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9",
    ],
)
def test_recordings_that_cannot_be_transcribed(content: bytes) -> None:
    assert type_of(content).startswith("audio/")
    assert type_of(content) not in RECORDINGS


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n\xe2\xe3",
        b"%PDF-1.4\n1 0 obj",
        b"\xef\xbb\xbf%PDF-1.4",
        b"\r\n %PDF-2.0",
        b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4 ... %%EOF\n",
    ],
)
def test_a_pdf_is_one_whether_or_not_it_is_ascii(content: bytes) -> None:
    assert type_of(content) == PDF


@pytest.mark.parametrize(
    "content",
    [
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"{\\rtf1\\ansi Hello}",
        b"PK\3\4" + b"\0" * 26 + b"[Content_Types].xml",
        b"PK\3\4" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.text",
    ],
)
def test_documents_of_office_programs(content: bytes) -> None:
    assert type_of(content) in OFFICE


@pytest.mark.parametrize(
    "content",
    [
        b"PK\3\4\x14\0",
        b"PK\5\6" + b"\0" * 18,
        b"\x1f\x8b\x08",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\7\1",
        b"\xfd7zXZ\0",
        b"BZh91AY",
    ],
)
def test_archives(content: bytes) -> None:
    assert type_of(content) in ARCHIVES


@pytest.mark.parametrize(
    "text",
    ["Grüße\n\tan alle", "\ufeffMilk", "a;b\r\n1;2", "BMW", "ID3 tags", "See %PDF- below", "PK"],
)
def test_text(text: str) -> None:
    assert type_of(text.encode()) == "text/plain"


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"MZ\x90\0", b"\xe9t\xe9", b"a\0b", b"\xff\xfea\0"]
)
def test_what_has_no_signature(content: bytes) -> None:
    assert type_of(content) == "application/octet-stream"
