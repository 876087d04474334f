"""The page is readable with any colour that the operator chooses."""

from __future__ import annotations

import pytest

from chatbot.site.theme import colors_of

GROUNDS = {"on_light": ("#ffffff", "#eceef2"), "on_dark": ("#17181c", "#2b2d34")}


@pytest.mark.parametrize(
    "color", ["#3457d5", "#ffcc00", "#ffffff", "#000000", "#777777", "#00ff00", "#E01B84"]
)
def test_text_in_and_on_the_colour_is_readable(color: str) -> None:
    colors = colors_of(color)
    assert colors["accent"] == color
    assert contrast(colors["on_accent"], color) >= 4.5
    for name, grounds in GROUNDS.items():
        assert min(contrast(colors[name], ground) for ground in grounds) >= 4.5


def test_a_readable_colour_stays_as_it_is() -> None:
    assert colors_of("#3457d5")["on_light"] == "#3457d5"


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    lower, higher = sorted(luminance(color) for color in (one, other))
    return (higher + 0.05) / (lower + 0.05)


def luminance(color: str) -> float:
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))

    def linear(part: float) -> float:
        return float(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
