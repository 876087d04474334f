"""Colours of the page, derived from the operator's colour so that text stays readable."""

from __future__ import annotations

from collections.abc import Mapping

_READABLE = 4.5  # WCAG 2.2, 1.4.3: minimum contrast of text (level AA)
_LIGHT_BACKGROUND = "#eceef2"  # darkest of the light page; next: lightest of the dark one
_DARK_BACKGROUND = "#2b2d34"


def colors_of(accent: str) -> Mapping[str, str]:
    """Return the values for the page's style: each is `#rrggbb`, as is `accent`.

    `accent` itself, `on_accent` for text on it, and `on_light` and `on_dark`: the accent as a text
    colour on the light and on the dark page.
    """
    return {
        "accent": accent,
        "on_accent": max("#ffffff", "#000000", key=lambda text: _contrast(text, accent)),
        "on_light": _until_readable(accent, _LIGHT_BACKGROUND, 0),
        "on_dark": _until_readable(accent, _DARK_BACKGROUND, 255),
    }


def _until_readable(color: str, background: str, end: int) -> str:
    """Move the colour towards black (`end` 0) or white (255), just until it is readable."""
    for step in range(21):
        mixed = [round(value + (end - value) * step / 20) for value in _rgb(color)]
        moved = "#" + "".join(f"{value:02x}" for value in mixed)
        if _contrast(moved, background) >= _READABLE:
            break
    return moved


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (each / 255 for each in _rgb(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _rgb(color: str) -> list[int]:
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]
