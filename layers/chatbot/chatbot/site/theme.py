"""The operator's colour, and what can be read on it and in it."""

from __future__ import annotations

from collections.abc import Mapping

_READABLE = 4.5  # WCAG 2.2, 1.4.3: the least contrast of text (level AA)
_LIGHT = "#eceef2"  # the darkest ground of the light page, the lightest of the dark one
_DARK = "#2b2d34"


def colors_of(accent: str) -> Mapping[str, str]:
    """`accent` (#rrggbb), text on it, and the colour as text on light and on dark ground."""
    return {
        "accent": accent,
        "on_accent": max("#ffffff", "#000000", key=lambda text: _contrast(text, accent)),
        "on_light": _until_readable(accent, _LIGHT, 0),
        "on_dark": _until_readable(accent, _DARK, 255),
    }


def _until_readable(color: str, ground: str, end: int) -> str:
    """The colour moved as little as needed towards black (0) or white (255)."""
    for step in range(21):
        mixed = [round(part + (end - part) * step / 20) for part in _parts(color)]
        moved = "#" + "".join(f"{part:02x}" for part in mixed)
        if _contrast(moved, ground) >= _READABLE:
            break
    return moved


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in _parts(color))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(color: str) -> list[int]:
    return [int(color[place : place + 2], 16) for place in (1, 3, 5)]
