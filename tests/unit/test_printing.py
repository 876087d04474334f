"""Nothing that is printed can be obeyed: one function prints, and it escapes."""

from __future__ import annotations

import argparse
import ast
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversation.export import exported
from chatbot.core.key import TurnKey
from chatbot.core.message import Author
from chatbot.core.printable import printable, printable_json
from chatbot.core.turn import Origin, Reply, State, Turn, Usage
from local.http.recorder import Recorder
from ops import conversation, printing, target
from ops.findings import broken, show
from ops.log_lines import LogPrinter
from ops.redrive import Letter

ROOT = Path(__file__).parents[2]
OBEYED = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\ud83d",
]
HOSTILE = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202eb\r\n2026-11-29  ready: https://evil.example\u2028c"
HOSTILE += "".join(OBEYED)
PRINTED = printable(HOSTILE)


def obeyed(output: str) -> set[str]:
    """The characters of an output that are obeyed, other than the line breaks of whole lines."""
    return set(output) & set(OBEYED) - {"\n"}


@pytest.mark.parametrize("char", OBEYED, ids=ascii)
def test_no_such_character_is_printed(char: str) -> None:
    written = printable(f"a{char}b")
    assert written[2:-1].isascii()
    assert json.loads(f'"{written}"') == f"a{char}b"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_text_is_one_line(text: str) -> None:
    written = printable(text)
    assert len(f"{written}|".splitlines()) == 1
    assert not obeyed(written) | {"\n"} & set(written)


@pytest.mark.parametrize("text", ["Grüße, 👩‍👩‍👧 – C:\\new", "שלום", "हिन्दी", ""])
def test_letters_stay_as_they_are(text: str) -> None:
    assert printable(text) == text
    assert printable_json([text]) == json.dumps([text], ensure_ascii=False)


_json = st.recursive(
    st.text() | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(_json, st.sampled_from([None, 1, 2]))
def test_json_prints_safely_and_reads_back(document: object, indent: int | None) -> None:
    written = printable_json(document, indent)
    assert not obeyed(written)
    assert json.loads(written) == document
    assert written.count("\n") == json.dumps(document, indent=indent).count("\n")
    written.encode()


# Every door of `ops` and `local` through which a stranger's value is printed


def turn() -> Turn:
    key = TurnKey("telegram:42", f"turn#{1:013d}#{HOSTILE}")
    return Turn(
        key,
        HOSTILE,
        Author(HOSTILE, HOSTILE, HOSTILE),
        HOSTILE,
        Reply(HOSTILE),
        State.DELIVERED,
        Origin.MODEL,
        usage=Usage(model=HOSTILE),
    )


def test_a_finding_is_one_line_and_its_fix_another(capsys: pytest.CaptureFixture[str]) -> None:
    show([broken(HOSTILE, HOSTILE, HOSTILE)], HOSTILE)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    assert not obeyed(out)
    assert out.count(PRINTED) == 3


def test_a_conversation_is_shown_in_three_lines_and_exported_in_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(target, "find", lambda chosen: None)
    monkeypatch.setattr(conversation, "turns", lambda stack, name: [turn()])
    chosen = _parsed("show", "telegram:42")
    assert conversation.run(chosen) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 3
    assert not obeyed(out)
    chosen.what = "export"
    assert conversation.run(chosen) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert not obeyed(out)
    read = json.loads(out)
    assert read["text"] == read["reply"]["text"] == read["model"] == HOSTILE
    assert read == json.loads(json.dumps(exported(turn())))


def _parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    conversation.arguments(parser)
    return parser.parse_args(words)


def test_a_name_that_was_typed_is_printed_safely(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(target, "find", lambda chosen: None)
    monkeypatch.setattr(conversation, "turns", lambda stack, name: [])
    assert conversation.run(_parsed("show", HOSTILE)) == 1
    assert capsys.readouterr().err == f"no turns are stored for {PRINTED}\n"


def test_a_log_line_is_one_line_whatever_its_names_and_values_hold() -> None:
    entry = {"timestamp": HOSTILE, "service": HOSTILE, "message": HOSTILE, "level": "ERROR"}
    hostile = [
        json.dumps({**entry, "model": HOSTILE, HOSTILE: "value", "nested": {HOSTILE: [HOSTILE]}}),
        json.dumps({**entry, "timestamp": 7, "model": HOSTILE}, ensure_ascii=False),
        f"Traceback: {HOSTILE}",
        "[" * 100_000 + HOSTILE,
    ]
    for line in hostile:
        out = io.StringIO()
        LogPrinter(out).log_line(line)
        assert len(out.getvalue().splitlines()) == 1
        assert not obeyed(out.getvalue())


def test_a_request_is_one_line_whatever_path_was_asked_for() -> None:
    out = io.StringIO()
    recorder, printer = Recorder(), LogPrinter(out)
    recorder.listen(lambda record: printer.request(asdict(record)))
    recorder.add("api", f"GET /{HOSTILE}", 0, 404, b"", b"")
    assert len(out.getvalue().splitlines()) == 1
    assert not obeyed(out.getvalue())


def test_a_dead_letter_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    envelope = {"v": 1, "channel": "web", "occurred_at": 1, "payload": {}}
    body = json.dumps({**envelope, "conversation": HOSTILE, "event_id": HOSTILE})
    for each in (body, "unreadable"):
        printing.say(Letter("1", "r", HOSTILE, each, 1, 0.0).line())
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    assert not obeyed(out)


@pytest.fixture
def safely() -> Iterator[None]:
    before = sys.excepthook, threading.excepthook, logging.root.handlers[:]
    logging.root.handlers.clear()
    printing.print_errors_safely()
    yield
    sys.excepthook, threading.excepthook = before[:2]
    logging.root.handlers[:] = before[2]


@pytest.mark.usefixtures("safely")
def test_an_uncaught_exception_obeys_nothing_of_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
        thread = threading.ExceptHookArgs([ValueError, error, None, None])
    threading.excepthook(thread)
    # Without pytest's own handlers: what they keep is sent to its main process as UTF-8.
    logging.root.handlers[:] = logging.root.handlers[:1]
    logging.getLogger("library").error("refused %s", HOSTILE, exc_info=thread.exc_value)
    lines = capsys.readouterr().err.split("\n")
    assert not obeyed("\n".join(lines))
    assert sum(line.startswith("  ValueError: a\\u001b") for line in lines) == 3
    # What an exception says cannot pass for another line.
    assert [line for line in lines if line and not line.startswith("  ")] == [
        f"ERROR library: refused {PRINTED}"
    ]


# So that a new print cannot forget it

ONLY = "ops/printing.py"
STREAMS = {
    # The stream is handed to what prints by `say`.
    "ops/tail.py": {"stdout"},
    "local/cli/run.py": {"stdout"},
    # While a function runs, what it prints goes to standard error.
    "local/cli/invoke.py": {"stdout", "stderr"},
}
"""Standard streams that other modules name, and why they may."""
PRINTERS = {"print", "pprint", "pp", "breakpoint", "input"}
MODULES = {"logging", "warnings", "pprint", "traceback", "click", "rich", "curses"}


def violations(path: str, source: str) -> list[str]:
    """What in a module's source prints without `ops.printing`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) if name in PRINTERS:
                found.append(f"{path}:{node.lineno}: {name}")
            case ast.Attribute(attr=name) if name in PRINTERS:
                found.append(f"{path}:{node.lineno}: .{name}")
            case ast.Attribute(value=ast.Name(id="sys"), attr=name) if name.strip("_") in (
                "stdout",
                "stderr",
                "displayhook",
            ) and name not in STREAMS.get(path, ()):
                found.append(f"{path}:{node.lineno}: sys.{name}")
            case ast.ImportFrom(module="sys", names=names):
                found += [f"{path}:{node.lineno}: sys.{name.name}" for name in names]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in MODULES:
                found.append(f"{path}:{node.lineno}: {module}")
            case ast.Import(names=names):
                modules = {name.name.partition(".")[0] for name in names} & MODULES
                found += [f"{path}:{node.lineno}: {module}" for module in modules]
            case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="write")):
                found.append(f"{path}:{node.lineno}: os.write")
            case ast.Call(func=ast.Attribute(attr="exit" | "error"), args=[argument, *_]) if (
                isinstance(argument, ast.JoinedStr | ast.Constant)
                and not isinstance(getattr(argument, "value", None), int)
                and path.startswith(("ops/", "local/"))
            ):
                found.append(f"{path}:{node.lineno}: exits with a text")
            case ast.Name(id="SystemExit"):
                found.append(f"{path}:{node.lineno}: SystemExit")
    return found


def modules() -> list[Path]:
    folders = (ROOT / name for name in ("ops", "local", "scripts"))
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize("path", [path.relative_to(ROOT).as_posix() for path in modules()])
def test_only_one_module_prints(path: str) -> None:
    found = violations(path, (ROOT / path).read_text())
    assert bool(found) == (path == ONLY), f"print by {ONLY}: {found}"


@pytest.mark.parametrize(
    "source",
    [
        "print(1)",
        "log = print",
        "import builtins; builtins.print(1)",
        "import sys; sys.stdout.write('a')",
        "import sys; sys.__stderr__.write('a')",
        "from sys import stdout",
        "import os; os.write(1, b'a')",
        "import logging.handlers",
        "from traceback import print_exc",
        "import sys; sys.exit(f'{1}')",
        "raise SystemExit('a')",
        "import argparse; argparse.ArgumentParser().error(f'{1}')",
    ],
)
def test_the_walk_finds_every_way_to_print(source: str) -> None:
    assert violations("ops/new.py", source)


def test_what_runs_as_a_program_prints_its_errors_safely() -> None:
    for path in ("ops/__main__.py", "local/__main__.py", "local/cloud/moto_server.py"):
        source = (ROOT / path).read_text()
        assert source.partition('if __name__ == "__main__":')[2].split()[0] == (
            "print_errors_safely()"
        )
