"""Text of documents: encodings, and PDFs in a process of their own (adapters/documents)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatbot.adapters.documents import pdf as parent
from chatbot.adapters.documents.reader import DocumentReader
from chatbot.core.errors import PostRefused, Unfetchable
from chatbot.core.file_types import type_of
from chatbot.core.files import File
from tests.pdfs import pdf, pdf_of, protected_pdf

FRENCH = "Liste de courses: pâtes, crème fraîche, thé, café, pêches\n"
GERMAN = "Datum;Betrag;Empfänger\n01.02.2026;12,50 €;Bäckerei Müller\n"
RUSSIAN = "Здравствуйте, пришлите, пожалуйста, список покупок: хлеб, молоко, яйца.\n"
CHINESE = "姓名,城市\n王小明,北京\n李华,上海\n"
JAPANESE = "氏名,都市\n山田太郎,東京\n鈴木花子,大阪\n"
JAPANESE_PROSE = "こんにちは、金曜日の夜に四人で予約したいのですが、空いていますか。\n"
KOREAN = "안녕하세요, 금요일 저녁에 네 명 자리를 예약하고 싶습니다. 감사합니다.\n"
POLISH = "Dzień dobry, chciałbym zarezerwować stolik na piątek wieczór. Pozdrawiam, Łukasz\n"
GREEK = "Γεια σας, θα ήθελα να κλείσω ένα τραπέζι για την Παρασκευή το βράδυ. Ευχαριστώ πολύ.\n"
HEBREW = "שלום, אני רוצה להזמין שולחן לארבעה אנשים ביום שישי בערב. תודה רבה\n"
TURKISH = "Merhaba, cuma akşamı için dört kişilik bir masa ayırtmak istiyorum. Teşekkürler\n"


def read(content: bytes, most: int = 12_000, seconds: float = 20) -> str:
    return DocumentReader().text_of(File(content, type_of(content)), most, seconds)


def reason(content: bytes, seconds: float = 20) -> str:
    with pytest.raises(Unfetchable) as caught:
        read(content, seconds=seconds)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((GERMAN, name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")),
        *((GERMAN, name) for name in ("utf-32", "cp1252")),
        (FRENCH, "cp1252"),
        *((RUSSIAN, name) for name in ("cp1251", "koi8-r", "cp866", "utf-16", "utf-16-le")),
        *((CHINESE, name) for name in ("gbk", "gb18030", "utf-16", "utf-16-le")),
        *((JAPANESE, name) for name in ("cp932", "utf-16", "utf-16-be")),
        (JAPANESE_PROSE, "euc-jp"),
        (KOREAN, "cp949"),
        (POLISH, "cp1250"),
        (GREEK, "cp1253"),
        (HEBREW, "cp1255"),
        (TURKISH, "cp1254"),
    ],
)
@pytest.mark.parametrize("times", [1, 40])
def test_text_in_the_encodings_of_the_world(text: str, encoding: str, times: int) -> None:
    assert read((text * times).encode(encoding)) == (text * times)[:12_000]


def test_text_with_a_byte_order_mark_in_the_other_order() -> None:
    assert read(b"\xfe\xff" + GERMAN.encode("utf-16-be")) == GERMAN
    assert read(b"\0\0\xfe\xff" + GERMAN.encode("utf-32-be")) == GERMAN


def test_utf8_with_a_broken_byte_is_utf8() -> None:
    assert read((RUSSIAN * 9).encode()[:-3]) == f"{(RUSSIAN * 9)[:-3]}\ufffd"


def test_as_much_as_is_let() -> None:
    assert read(GERMAN.encode(), most=5) == read(GERMAN.encode("cp1252"), most=5) == "Datum"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b"\xff\xfe",
        b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0",
        bytes(range(256)) * 50,
        "\ufeffa\0b".encode("utf-16-le"),
        Path(sys.executable).resolve().read_bytes()[:300_000],
    ],
    ids=["empty", "blank", "mark", "program", "bytes", "control", "python"],
)
def test_what_is_no_text(content: bytes) -> None:
    assert reason(content) == "unsupported"


def test_what_has_to_be_sent_in_another_form() -> None:
    assert reason(b"{\\rtf1\\ansi Hello}") == "office"
    assert reason(b"PK\3\4\x14\0") == "archive"


def test_the_text_of_a_pdf() -> None:
    assert read(pdf("Milk and bread")) == "Milk and bread"
    assert read(pdf("one", "two", "three")) == "one\ntwo\nthree"
    assert read(pdf_of([b"BT /F1 9 Tf (packed) Tj ET"], packed=True)) == "packed"


def test_a_long_pdf_is_read_as_far_as_is_let() -> None:
    long = pdf(*(f"Page {number}" for number in range(60)))
    assert read(long).startswith("[pages 1 to 50 of 60]\nPage 0\nPage 1\n")
    assert read(long).endswith("\nPage 49")
    assert read(pdf("x" * 30, "y" * 30, "z"), most=50).startswith("[pages 1 to 2 of 3]\nxxx")
    assert len(read(pdf("x" * 30, "y" * 30, "z"), most=50)) == 50


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (pdf_of([b"0 0 m 9 9 l S"]), "pdf_without_text"),
        (protected_pdf("Milk", "secret", "RC4-128"), "pdf_protected"),
        (protected_pdf("Milk", "secret", "AES-256"), "pdf_protected"),
        (b"%PDF-1.4 and then nothing", "pdf_unreadable"),
        (pdf("Milk")[:200], "pdf_unreadable"),
        (b"%PDF-1.4\n1 0 obj\n" + b"<</A " * 50_000, "pdf_unreadable"),
    ],
    ids=["scan", "RC4", "AES", "nothing", "cut", "deep"],
)
def test_a_pdf_of_which_nothing_can_be_read(content: bytes, expected: str) -> None:
    assert reason(content) == expected


def test_a_pdf_that_only_forbids_changes_is_read() -> None:
    assert read(protected_pdf("Milk", "", "RC4-128")) == "Milk"


def test_a_broken_page_does_not_cost_the_others() -> None:
    good = b"BT /F1 9 Tf (%s) Tj ET"
    content = pdf_of([good % b"one", b"[" * 50_000, good % b"three"])
    assert read(content).split() == ["one", "three"]


@pytest.mark.long
def test_a_pdf_that_takes_too_long_is_ended() -> None:
    """What was read by then is used."""
    slow = b"BT /F1 9 Tf " + b"(a) Tj " * 1_500_000 + b"ET"
    content = pdf_of([b"BT /F1 9 Tf (first) Tj ET", slow], packed=True)
    assert len(content) < 100_000
    began = time.monotonic()
    assert read(content, seconds=2) == "[pages 1 to 1 of 2]\nfirst"
    assert time.monotonic() - began < 4


@pytest.mark.long
def test_a_pdf_that_needs_too_much_memory_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "MOST_MEMORY_MB", 60)
    assert reason(pdf_of([b" " * 100_000_000], packed=True)) in (
        "pdf_unreadable",
        "pdf_without_text",
    )
    assert reason(pdf_of([b"(a) " * 4_000_000], packed=True)) == "pdf_unreadable"


def test_the_process_is_given_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen: list[dict[str, str]] = []
    start = subprocess.Popen

    def spy(*arguments: object, env: dict[str, str], **options: object) -> object:
        seen.append(env)
        return start(*arguments, env=env, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", spy)
    assert read(pdf("Milk")) == "Milk"
    assert seen[0].keys() <= {"LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH"}


def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> object:
        raise BlockingIOError

    monkeypatch.setattr(subprocess, "Popen", fail)
    assert reason(pdf("Milk")) == "pdf_unreadable"


def test_a_cold_start_loads_no_library_for_documents() -> None:
    program = (
        "import sys, chatbot.bootstrap.worker;"
        "print(*({'pypdf', 'chardet', 'subprocess'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.split() in ([], ["subprocess"])


SHORT = [
    "Voilà le problème",
    "Zoé;Lefèvre",
    "¿Qué tal? Mañana será otro día.",
    "La città è bella",
    "Åsa bor i Malmö",
    "Größe 42, 12,50 €",
    "È vero – «perché» no?",
    "São Paulo, coração",
]


@pytest.mark.parametrize("text", SHORT)
def test_a_few_words_of_western_europe(text: str) -> None:
    content = text.encode("cp1252")
    assert read(content) == text
    assert read(b"plain,text\n" * 6_000 + content, most=99_999).endswith(text)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Привет, как дела?", "cp1251"), ("Dzień dobry, Łukasz", "cp1250"), ("你好", "gbk")],
)
def test_a_few_words_of_others(text: str, encoding: str) -> None:
    assert read(text.encode(encoding)) == text


def test_a_pdf_waits_only_a_while_for_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "MOST_WAIT", 0.05)
    with parent._one_at_a_time, pytest.raises(PostRefused) as caught:
        read(pdf("Milk"))
    assert (caught.value.reason, caught.value.retry_after) == ("documents_busy", parent.AGAIN_AFTER)
    assert read(pdf("Milk")) == "Milk"


def test_pages_of_white_space_are_no_text() -> None:
    blank = b"BT /F1 9 Tf (" + b" " * 13_000 + b") Tj ET"
    assert reason(pdf_of([blank])) == "pdf_without_text"
    assert read(pdf_of([blank, b"BT /F1 9 Tf (text) Tj ET"])) == "text"
