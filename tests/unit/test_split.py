"""Long texts are split at good places, and nothing of them is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.channels.text.split import split_text, utf16_length
from chatbot.core.graphemes import continues_character
from tests.timing import processor_seconds


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 10, []),
        (" \n\t ", 10, []),
        ("short", 10, ["short"]),
        ("  exactly ten  ", 11, ["exactly ten"]),
        ("first one.\n\nsecond. third", 20, ["first one.", "second. third"]),
        ("a line\nanother line. more", 20, ["a line", "another line. more"]),
        ("One sentence. Two of them.", 20, ["One sentence.", "Two of them."]),
        ("Is it? “Yes!” he said so", 16, ["Is it? “Yes!”", "he said so"]),
        ("これは一つ。これは二つ。", 8, ["これは一つ。", "これは二つ。"]),
        ("only words in here", 11, ["only words", "in here"]),
        ("fits to the edge", 7, ["fits to", "the", "edge"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("aaa\n\nbbb", 3, ["aaa", "bbb"]),
        ("aaa" + " " * 50 + "bbb", 3, ["aaa", "bbb"]),
        ("version 1.2.3 is out", 13, ["version 1.2.3", "is out"]),
    ],
)
def test_cuts_where_it_reads_best(text: str, limit: int, parts: list[str]) -> None:
    assert split_text(text, limit) == parts


def test_never_inside_a_surrogate_pair() -> None:
    assert split_text("a👍👍", 4, utf16_length) == ["a👍", "👍"]


@pytest.mark.parametrize(
    "cluster",
    ["👩‍🚀", "👍🏽", "e\u0301", "❤️", "🏴\U000e0067\U000e0062\U000e007f"],
    ids=["joined", "skin tone", "accent", "variation", "tags"],
)
def test_never_inside_what_is_drawn_as_one(cluster: str) -> None:
    limit = 3 * utf16_length(cluster) + 1
    parts = split_text("x" + cluster * 7, limit, utf16_length)
    assert parts[0] == "x" + cluster * 3
    assert all(
        part.replace("x", "").count(cluster) * len(cluster) == len(part) for part in parts[1:]
    )


# Examples of the classes of GraphemeBreakTest.txt (Unicode 16, UAX #29): what is one cluster, then
# what are several.
CLUSTERS = [
    *("\r\n", "a\u0308", "e\u0301\u0323", "\u05d0\u05b7", "\u0628\u064e\u0651", "\u0e01\u0e33"),
    *("\u0915\u094d\u0937", "\u0915\u094d\u200d\u0937", "\u0915\u093c\u200d\u094d\u0937\u093f"),
    *("\u0ba8\u0bbf", "\u0d15\u0d4d\u0d37", "\u0600\u0660", "\u0d4e\u0d15", "\u1100\u1161\u11a8"),
    *("\u1100\u1100\u1161", "\uac00\u11a8", "\uac01\u11a8", "\u1161\u11a2", "\u11a8\u11a8"),
    *(
        "🇺🇳",
        "🇩🇪\u0308",
        "👍🏽",
        "❤\ufe0f\u200d🔥",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈",
        "1\ufe0f\u20e3",
        "🏴\U000e0067\U000e007f",
    ),
]
SEVERAL = [
    "\n\r",
    "ab",
    "\u0308a",
    "\u11a8\u1100",
    "\uac01\uac00",
    "\u1161\u1100",
    "🇺a",
    "a🇺",
    "👍👍",
]


def boundaries(text: str) -> list[int]:
    return [index for index in range(1, len(text)) if not continues_character(text, index)]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_a_grapheme_cluster_has_no_boundary(cluster: str) -> None:
    assert boundaries(cluster) == []
    assert boundaries(f"x{cluster}x") == [1, 1 + len(cluster)]
    assert split_text(cluster * 3, len(cluster), len) == ([cluster] * 3 if cluster.strip() else [])


@pytest.mark.parametrize("text", SEVERAL)
def test_between_two_clusters_is_a_boundary(text: str) -> None:
    assert boundaries(text) == [1]


def test_flags_are_pairs_from_the_first_on() -> None:
    assert boundaries("🇺🇳🇩🇪🇪") == [2, 4]
    assert boundaries("a🇺🇳b🇩🇪") == [1, 3, 4]
    assert split_text("🇺🇳" * 5, 6, utf16_length) == ["🇺🇳"] * 5


@pytest.mark.parametrize("word", ["שלום", "مَرْحَبًا", "नमस्ते", "สวัสดีครับ", "안녕하세요", "각각"])
def test_scripts_split_whole(word: str) -> None:
    for part in split_text(word * 50, 20):
        assert not continues_character(f"x{part}", 1)
    assert "".join(split_text(word * 50, 20)) == word * 50


def test_a_cluster_longer_than_the_limit_is_cut_all_the_same() -> None:
    text = "e" + "\u0301" * 50
    assert "".join(split_text(text, 10)) == text


TEXTS = st.text(
    st.one_of(
        st.sampled_from(" \n\t.!?。’”é\u0301👍🏽\u200d👩🚀x"),
        st.characters(codec="utf-8"),
    ),
    max_size=300,
)


@given(TEXTS, st.integers(2, 60), st.sampled_from([len, utf16_length]))
def test_all_of_it_arrives_in_parts_that_fit(
    text: str, limit: int, length: Callable[[str], int]
) -> None:
    at = 0
    for part in split_text(text, limit, length):
        assert part.strip()
        assert length(part) <= limit
        found = text.index(part, at)
        assert not text[at:found].strip()
        at = found + len(part)
    assert not text[at:].strip()


@given(TEXTS, st.integers(1, 300))
def test_a_text_that_fits_is_not_cut(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert (len(parts) <= 1) == (len(text.strip()) <= limit)


@pytest.mark.parametrize("unit", ["a", " ", "\n", ".", "a.\n \n", "。", "\u0301", "👍", "🇺", "क्"])
@pytest.mark.long
def test_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(size: int, enough: float) -> float:
        text = unit * (size // len(unit)) + "x"
        return processor_seconds(lambda: split_text(text, 4096, utf16_length), enough)

    most = 40 * seconds(40_000, enough=0) + 0.1
    assert seconds(400_000, enough=most) < most
