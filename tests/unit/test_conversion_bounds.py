"""Conversion has bounds: on time, nesting, length and the number of posts, whatever is nested."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.channels.text import entities
from chatbot.channels.text.entities import parts_of, plain_parts
from chatbot.channels.text.html import plain_html, safe_html
from chatbot.channels.text.split import most_posts, split_text, utf16_length
from chatbot.core.limits import HTML_GROWTH, HTML_SPARE, LONGEST_ANSWER, TEXT_GROWTH, TEXT_SPARE
from chatbot.core.turn import Part
from tests.hostile.markers import MARKERS, PAIRS, TRIPLES, shapes
from tests.timing import processor_seconds, seconds_once

SMALL, LARGE = 1_000, 8_000
"""Characters of texts whose times are compared."""
MOST_GROWTH = 24
"""Times as long as for the small text. In proportion it would be 8, by the square 64."""
QUICK = 0.1
"""Seconds for a large text below which nothing is compared: the longest answer then takes 6 s even
if the time grew with the square of its length."""

ENDS_OF_TABLES = ["", "#\n", "---\n", "> \n", "- \n", "```\n", "$$\n", "    a\n", "c|d\n"]
UNITS = [
    *(each.replace("␣", " ").replace("↵", "\n") for each in MARKERS),
    *(f"{before}a|b\n-|-\n{end}" for before in ("", "> ", "- ") for end in ENDS_OF_TABLES),
]
"""Units of the longest texts: a table after a table looked at all lines, with what ends one."""


def on_telegram(markdown: str) -> list[Part]:
    return parts_of(markdown, 4096, utf16_length, formatting=True)


def on_messenger(markdown: str) -> list[Part]:
    return parts_of(markdown, 2000, len, formatting=False)


FORMS: list[Callable[[str], object]] = [on_telegram, safe_html, on_messenger]


def check_growth(form: Callable[[str], object], few: str, many: str) -> None:
    """Time grows with the length: eight times the text takes about eight times as long."""
    seconds = seconds_once(partial(form, many))
    if seconds < QUICK or seconds < MOST_GROWTH * seconds_once(partial(form, few)):
        return
    seconds = processor_seconds(partial(form, many), QUICK)  # one run may have been disturbed
    least = processor_seconds(partial(form, few), 0)
    assert seconds < max(QUICK, MOST_GROWTH * least), (many[:40], form)


def check_time(markers: tuple[str, ...], case: int) -> None:
    """Check the growth of each shape, in one of the forms, in turn."""
    both = zip(shapes(markers, SMALL), shapes(markers, LARGE), strict=True)
    for number, (small, large) in enumerate(both):
        check_growth(FORMS[(case + number) % len(FORMS)], small, large)


def check_time_of(unit: str, small: int, large: int) -> None:
    """Check the growth in each form, for a unit that is repeated, or stands between words.

    What is quadratic with a small factor shows in long texts only.
    """

    def texts(size: int) -> list[str]:
        repeated = (unit * size)[:size]
        return [repeated, f"a<br>{repeated}<br>", f"a {repeated}\n\nb"]

    for form in FORMS:
        for few, many in zip(texts(small), texts(large), strict=True):
            check_growth(form, few, many)


CLOSED_AT_THE_END = [("\\[ a\n", "\\] zzz"), ("$$ a\n", "$$ zzz"), ("`` a\n", "`` zzz")]
"""Lines of which each opens something, and what closes all of them, with words after it."""


@pytest.mark.parametrize(("line", "end"), CLOSED_AT_THE_END)
def test_time_grows_with_the_number_of_lines_before_one_end(line: str, end: str) -> None:
    for form in FORMS:
        check_growth(form, line * 250 + end, line * 2_000 + end)


def check_lengths(markdown: str, limit: int) -> None:
    for parts, length in (
        (parts_of(markdown, limit, utf16_length, formatting=True), utf16_length),
        (parts_of(markdown, limit, len, formatting=False), len),
    ):
        assert len(parts) <= most_posts(markdown, limit, length)
        assert sum(len(part.text) for part in parts) <= TEXT_GROWTH * len(markdown) + TEXT_SPARE
        assert all(length(part.text) <= limit for part in parts)
    html = safe_html(markdown)
    size = len(html) - len(" class=align-") * html.count(' class="align-')
    assert size <= HTML_GROWTH * len(markdown) + HTML_SPARE or html == plain_html(markdown)
    assert size <= 6 * len(markdown) + HTML_SPARE


@pytest.mark.parametrize(
    "start", [0, *(pytest.param(start, marks=pytest.mark.long) for start in (1, 2))]
)
def test_time_grows_with_the_length_of_some_pairs_and_triples(start: int) -> None:
    for case, markers in enumerate([*PAIRS[start * 37 :: 211], *TRIPLES[start * 1_801 :: 9_001]]):
        check_time(markers, case)


@pytest.mark.long
@pytest.mark.parametrize("first", MARKERS)
def test_time_grows_with_the_length_of_all_pairs_and_many_triples(first: str) -> None:
    number = MARKERS.index(first)
    for case, others in enumerate([*((each,) for each in MARKERS), *PAIRS[number::83]]):
        check_time((first, *others), case + number)


@pytest.mark.parametrize("unit", [" ", "a|b\n-|-\n#\n"])
def test_time_grows_with_the_length_of_longer_texts(unit: str) -> None:
    check_time_of(unit, 1_500, 12_000)


@pytest.mark.long
@pytest.mark.parametrize("unit", UNITS)
def test_time_grows_with_the_length_of_the_longest_texts(unit: str) -> None:
    check_time_of(unit, LONGEST_ANSWER // 8, LONGEST_ANSWER)


@pytest.mark.parametrize(
    "start", [*range(2), *(pytest.param(start, marks=pytest.mark.long) for start in range(2, 8))]
)
def test_neither_length_nor_posts_exceed_their_bounds(start: int) -> None:
    for number, markers in enumerate(PAIRS[start::24]):
        check_lengths(list(shapes(markers, 1_000))[number % 4], 100)


@given(st.lists(st.sampled_from([*MARKERS, "word", "\n", " "]), max_size=40), st.integers(1, 99))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_no_nesting_exceeds_the_bounds(markers: list[str], times: int) -> None:
    unit = "".join(markers).replace("␣", " ").replace("↵", "\n")
    check_lengths((unit * times)[:2_000], 150)


@pytest.mark.parametrize(
    "unit",
    [
        "> - ",
        "- ",
        *(
            pytest.param(unit, marks=pytest.mark.long)
            for unit in ("---\n", "# a\n", "`a` ", "- [x] a\n", "|a|b|\n|-|-|\n|c|d|\n\n", "*a* ")
        ),
    ],
)
def test_the_longest_answer_is_converted_within_its_bounds(unit: str) -> None:
    answer = (unit * LONGEST_ANSWER)[:LONGEST_ANSWER]
    for form in FORMS:
        assert processor_seconds(partial(form, answer), enough=5) < 5
    check_lengths(answer, 2000)


def test_one_message_of_list_markers_is_not_hundreds_of_posts() -> None:
    markers = "* " * 2000
    assert len(on_telegram(markers)) <= 3
    assert len(on_messenger(markers)) <= 4


def test_too_many_entities_for_the_posts_are_left_out() -> None:
    markdown = "`a` " * 5000  # 100 of them fill a message on Telegram
    assert on_telegram(markdown) == plain_parts(markdown, 4096, utf16_length)
    assert len(on_telegram("`a` " * 250)) == 3  # as many as fit are shown


def test_too_many_pieces_of_markdown_are_shown_as_they_are() -> None:
    markdown = "*a* b\n" * 3000
    assert safe_html(markdown) == plain_html(markdown)
    assert on_messenger(markdown) == plain_parts(markdown, 2000, len)


def test_a_table_that_would_repeat_its_headers_far_too_often_is_shown_as_it_is() -> None:
    header = "a long name of a column"
    table = f"|{header}|{header}|\n|-|-|\n" + "|1|2|\n" * 400
    assert on_messenger(table) == plain_parts(table, 2000, len)
    small = f"|{header}|{header}|\n|-|-|\n" + "|1|2|\n" * 20
    assert on_messenger(small)[0].text.startswith(f"{header}: 1\n{header}: 2")


def figures(columns: int, rows: int, unit: str = "") -> str:
    """A table with names of columns as in reports, aligned to the right, and words around it."""
    names = ["Year", "Revenue (EUR)", "Costs (EUR)", "Profit (EUR)", "Margin (%)", "Employees"]
    names = [*names, "Customers", "Churn (%)"][:columns]
    lines = ["|".join(names), "|".join(["---:"] * columns)]
    lines += ["|".join(f"{row * 37 % 9999}{unit}" for _ in names) for row in range(rows)]
    return "**Words** before it.\n\n" + "\n".join(lines) + "\n\n`Words` after it."


@pytest.mark.parametrize(("columns", "rows"), [(6, 90), (8, 50)])
def test_a_table_with_too_many_bold_headers_is_formatted_without_them(
    columns: int, rows: int
) -> None:
    parts = on_telegram(figures(columns, rows, " million"))
    assert "Year: 37 million\nRevenue (EUR): 37 million" in parts[0].text
    kinds = [each["type"] for part in parts for each in part.formatting]
    assert kinds == ["bold", "code"]


def test_a_report_with_many_tables_keeps_its_formatting() -> None:
    section = (
        "## Part\n\n**Words** and [a link](https://e.org/x).\n\n"
        + figures(6, 8, " million")
        + "\n\n"
    )
    parts = on_telegram(section * 15)
    assert len(parts) <= most_posts(section * 15, 4096, utf16_length)
    links = [each for part in parts for each in part.formatting if each["type"] == "text_link"]
    assert len(links) == 15
    assert all(len(part.formatting) <= entities.MOST_ENTITIES for part in parts)


def test_a_post_has_all_its_links_before_other_entities() -> None:
    markdown = "*a* " * 600 + "[b](https://e.org/x) " * 20
    parts = on_telegram(markdown * 2)
    kinds = [each["type"] for part in parts for each in part.formatting]
    assert kinds.count("text_link") == 40
    assert all(len(part.formatting) <= entities.MOST_ENTITIES for part in parts)
    links = "[b](https://e.org/x)" * 900
    assert on_telegram(links) == plain_parts(links, 4096, utf16_length)


def test_only_the_table_that_grows_too_much_stays_as_it_is() -> None:
    text = "\n\n".join(part.text for part in on_messenger(figures(8, 80)))
    assert text.startswith("Words before it.\n\nYear|Revenue (EUR)|")
    assert text.endswith("Words after it.")
    html = safe_html("*a*\n\n" + "- [x] a\n" * 400 + "\n*b*")
    assert html.startswith("<p><em>a</em></p>\n<p>- [x] a<br>")
    assert html.endswith("<p><em>b</em></p>\n")


def test_the_alignment_of_cells_does_not_count_as_growth_of_the_page() -> None:
    table = "|".join("a" * 40) + "\n" + "|".join(["---:"] * 40) + "\n"
    table += "".join(
        "|".join(str(row * column) for column in range(40)) + "\n" for row in range(40)
    )
    assert '<td class="align-right">1521</td>' in safe_html(table)


def test_a_list_with_boxes_to_tick_is_bounded_on_the_page() -> None:
    assert 'type="checkbox"' in safe_html("- [x] a\n" * 40)
    assert safe_html("- [x] a\n" * 400) == plain_html("- [x] a\n" * 400)


@pytest.mark.parametrize("paragraph", [1_100, 1_900, 700, 2_100])
def test_long_paragraphs_are_cut_further_before_there_are_too_many_posts(paragraph: int) -> None:
    text = "\n\n".join(["word " * (paragraph // 5)] * 40)
    parts = split_text(text, 2000)
    assert len(parts) <= most_posts(text, 2000)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(on_messenger(text)) <= most_posts(text, 2000)


def test_a_text_that_always_offers_an_early_cut_fills_its_posts() -> None:
    text = ("x\n\ny\nz. w " + "a" * 1_990) * 20
    assert len(split_text(text, 2000)) <= most_posts(text, 2000)
    marks = ("a" + "\u0301" * 1_100) * 40
    assert len(split_text(marks, 2000)) <= most_posts(marks, 2000)


def test_what_is_nested_deeper_than_the_bound_is_shown_as_it_is() -> None:
    deep = "> " * 30 + "words"
    assert on_telegram(deep) == [Part(deep)]


def test_a_failing_conversion_of_a_part_is_not_taken_for_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> object:
        raise ValueError

    monkeypatch.setattr(entities, "render", fails)
    assert on_telegram("*a*") == [Part("*a*")]


@pytest.mark.parametrize("markdown", ["*a*\x1b[2J\x07 b", "a\x1b[2J\x07\x9b b", "\x85\x7f`a`\x0b"])
def test_no_control_reaches_a_platform(markdown: str) -> None:
    posted = [*on_telegram(markdown), *on_messenger(markdown), *plain_parts(markdown, 2000, len)]
    text = "".join(part.text for part in posted)
    assert "a" in text
    assert not [char for char in text if unicodedata.category(char) == "Cc"]
