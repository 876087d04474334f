"""README's table of settings is the one in chatbot.core.settings."""

from __future__ import annotations

from pathlib import Path

from chatbot.core.settings import SettingInfo, describe

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def row(info: SettingInfo) -> str:
    kind = "secret" if info.readers else info.type
    default = f"`{info.default}`" if info.default else ""
    return f"| `{info.name}` | {kind} | {default} | {info.meaning} |"


def test_every_setting_is_documented_as_it_is() -> None:
    expected = [row(info) for info in describe()]
    assert [line for line in README.splitlines() if line.startswith("| `")] == expected
