"""README and docs against the code: settings, files, modules, commands and links that they name."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.core.settings import SettingInfo, describe
from local.__main__ import main as local_main
from ops.__main__ import main as ops_main

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "chatbot" / "chatbot"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
README = (ROOT / "README.md").read_text(encoding="utf-8")

NOT_IN_A_CLONE = {
    *(".aws-sam/build", ".env", "conversation.json", "faults-report.json", "hostile-inputs/"),
}
"""Files that a command, a person or the bot writes."""
_FOLDERS = r"(?:benchmarks|docs|events|functions|layers|local|ops|requirements|scripts|tests|types)"
_FILE = re.compile(
    rf"{_FOLDERS}/[\w./*<>-]*|[\w./*<>-]*/|[\w./*<>-]+\.(?:py|js|json|md|toml|txt|yaml|yml)"
)
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MODULE = re.compile(r"(?:benchmarks|chatbot|local|ops|tests)(?:\.\w+)+")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def row(info: SettingInfo) -> str:
    kind = "secret" if info.readers else info.type
    default = f"`{info.default}`" if info.default else ""
    return f"| `{info.name}` | {kind} | {default} | {info.meaning} |"


def test_every_setting_is_documented_as_it_is() -> None:
    expected = [row(info) for info in describe()]
    assert [line for line in README.splitlines() if line.startswith("| `")] == expected


def code(page: Path) -> str:
    """What the page shows as code, in blocks or between backticks, one piece a line."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for kind, block in _BLOCK.findall(text) if kind == "sh"]
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))])


def words(page: Path) -> Iterator[str]:
    for word in code(page).split():
        yield word.strip("…,;:'\"()[]").partition("::")[0]


def exists(path: str) -> bool:
    """`path` from the top, from the package or from beside it; a lone name anywhere in the package.

    `<name>` and `*` stand for one part of a path.
    """
    pattern = re.sub(r"<\w+>", "*", path.rstrip("/"))
    places = [ROOT, PACKAGE, PACKAGE.parent]
    if any(any(place.glob(pattern)) for place in places):
        return True
    return "/" not in path and any(PACKAGE.rglob(pattern))


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = [word for word in words(page) if _FILE.fullmatch(word) and not word.startswith("/")]
    assert [path for path in named if path not in NOT_IN_A_CLONE and not exists(path)] == []


@every_page
def test_every_module_that_is_named_exists(page: Path) -> None:
    named = [word for word in words(page) if _MODULE.fullmatch(word)]
    paths = [word.replace(".", "/") for word in named]
    assert [path for path in paths if not exists(path) and not exists(f"{path}.py")] == []


@every_page
def test_every_command_that_is_named_exists(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {*re.findall(r"^make ([a-z-]+)", code(page), re.MULTILINE)} <= targets
    for program, main in (("ops", ops_main), ("local", local_main)):
        for name in {*re.findall(rf"python -m {program} ([a-z]\w*)", code(page))}:
            monkeypatch.setattr(sys, "argv", [program, name, "--help"])
            with pytest.raises(SystemExit) as left:
                main()
            assert left.value.code == 0, name


@every_page
def test_commands_work_in_a_fresh_shell(page: Path) -> None:
    """They say where `python` and `sam` are, unless the page has activated the environment."""
    before, _, _ = page.read_text(encoding="utf-8").partition(". .venv/bin/activate")
    bare = re.findall(
        r"(?<!\.venv/bin/)\b(?:python -m |sam )(?:ops|local|deploy|delete)\b.*", before
    )
    assert bare == []


def anchors(page: Path) -> set[str]:
    """The anchors of the page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))
    for path, anchor in links:
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"
