"""Build what is measured: functions and layers by `sam build`, and a Python like Lambda's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.cloud.template import ROOT

LAYERS = ("DependenciesLayer", "ChatbotLayer")
_REFERENCE = Path(__file__).with_name("reference")
_ROOM = 70_000  # values, of 8 bytes
_COMPILE = ("-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash")


@dataclass(frozen=True)
class Built:
    """The folders of a build. `python` is the interpreter to run it with, and its options."""

    python: tuple[str, ...]
    functions: Path  # by logical id
    layers: tuple[Path, ...]
    plain_layers: tuple[Path, ...]  # the same without bytecode
    references: Path  # webhook/, worker/
    runtime: Path  # Lambda's runtime client


def build(scratch: Path, made: Path | None) -> Built:
    """Build everything below `scratch`.

    `made` is the folder of an earlier `sam build`, which is then used in place of a new one.
    """
    python = find_python()
    folder = made or sam_build(scratch / "build")
    runtime = install_runtime(python, scratch / "runtime")
    _give_room(runtime)
    for layer in LAYERS:
        bare = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folder / layer / "python", scratch / "plain" / layer, ignore=bare)
    references = shutil.copytree(_REFERENCE, scratch / "reference")
    for name in ("webhook", "worker"):
        subprocess.run([python, *_COMPILE, references / name], check=True)
    return Built(
        python=(python, "-S"),  # no site-packages
        functions=folder,
        layers=tuple(folder / layer / "python" for layer in LAYERS),
        plain_layers=tuple(scratch / "plain" / layer for layer in LAYERS),
        references=references,
        runtime=runtime,
    )


def install_runtime(python: str, folder: Path) -> Path:
    """Install Lambda's runtime client (awslambdaric) and nothing else into `folder`."""
    lock = ROOT / "requirements" / "runtime.txt"
    options = ["-qq", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run(
        [python, "-m", "pip", "install", *options, "--requirement", lock, "--target", folder],
        check=True,
    )
    return folder


def _give_room(runtime: Path) -> None:
    """Have the runtime client run everything in one chunk of Python's data stack.

    A call that crosses from one chunk of 16 KB into the next allocates that chunk each time and
    frees it on return (python/cpython#142183; fixed in 3.13 since March 2026 by pull request
    146123). Where a loop happens to sit at that depth, an init takes a fifth longer, in our
    functions and the references alike.
    """
    main = runtime / "awslambdaric" / "__main__.py"
    begins, text = 'if __name__ == "__main__":', main.read_text()
    if begins not in text:
        raise RuntimeError(f"{main} does not begin as expected")
    room = f"main.__code__ = main.__code__.replace(co_stacksize={_ROOM})"
    main.write_text(text.replace(begins, f"{room}\n{begins}"))


def sam_build(folder: Path) -> Path:
    """Run `sam build` into `folder`, which then holds functions and layers by logical id.

    sam's messages go to standard error.
    """
    tools = Path(sys.executable).parent
    environment = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }
    command: list[str | Path] = [tools / "sam", "build", "--build-dir", folder]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder


def find_python() -> str:
    """Find a python3.13 with pip, as `sam build` does for the layers. Raises RuntimeError."""
    check = "import pip, sys; sys.exit(sys.version_info[:2] != (3, 13))"
    for candidate in _interpreters():
        if subprocess.run([candidate, "-c", check], capture_output=True).returncode == 0:
            return str(candidate)
    raise RuntimeError("no python3.13 with pip found: the built functions need it")


def _interpreters() -> Iterator[Path]:
    yield Path(sys.executable)
    if found := shutil.which("python3.13"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.13*/bin/python3.13"))
