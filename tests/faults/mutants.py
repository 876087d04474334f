"""Break the code in one place at a time and check that tests fail: mutation tests.

Run it as `python -m tests.faults.mutants`. Each patch in mutants/ says what it breaks, and names
tests (`Test: …`, of pytest) and fault cases (`Fault: …`). Each of these must fail with the patch
and pass without it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent / "mutants"
PACKAGE = "layers/chatbot"
JOBS = 2
SECONDS = 240  # time limit of a test run
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".aws-sam", ".hypothesis", ".*_cache", "__pycache__", "node_modules"
)
_GIT = shutil.which("git") or "git"
_FAILED = 1  # exit code of pytest and of tests.faults when a test or case failed


@dataclass(frozen=True)
class Mutant:
    name: str
    patch: str

    @property
    def breaks(self) -> str:
        return self.patch.partition("\n")[0]

    @property
    def tests(self) -> list[str]:
        return re.findall(r"^Test: (.+)$", self.patch, re.MULTILINE)

    @property
    def faults(self) -> list[str]:
        return re.findall(r"^Fault: (.+)$", self.patch, re.MULTILINE)

    @property
    def commands(self) -> list[list[str]]:
        return [*(_pytest([test]) for test in self.tests), *(_cases([f]) for f in self.faults)]


def every() -> list[Mutant]:
    return [Mutant(path.stem, path.read_text()) for path in sorted(PATCHES.glob("*.patch"))]


class Copy:
    """A copy of the repository, to which one mutant at a time is applied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        shutil.copytree(ROOT, folder, ignore=_NOT_COPIED)

    def apply(self, mutant: Mutant) -> str:
        """Restore the package and apply the mutant. Returns why that failed, "" if it did not."""
        shutil.rmtree(self._folder / PACKAGE)
        shutil.copytree(ROOT / PACKAGE, self._folder / PACKAGE, ignore=_NOT_COPIED)
        applied = subprocess.run(
            [_GIT, "apply", "-C1", "-"],
            cwd=self._folder,
            input=mutant.patch,
            text=True,
            capture_output=True,
            check=False,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(self._folder.parent)},
        )
        return applied.stderr.strip() if applied.returncode else ""

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run a command in the copy. Returns exit code and output."""
        # The copy's package is found before the one that is installed as editable.
        environment = {**os.environ, "PYTHONPATH": str(self._folder / PACKAGE)}
        try:
            done = subprocess.run(
                command,
                cwd=self._folder,
                env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1, f"over {SECONDS} seconds"
        return done.returncode, done.stdout


def main() -> int:
    mutants = every()
    began = time.monotonic()
    copies: SimpleQueue[Copy] = SimpleQueue()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(JOBS) as pool:
        for number in range(JOBS):
            copies.put(Copy(Path(folder) / str(number)))
        sound = _sound(mutants, copies)
        print(sound or "all tests and cases pass without a mutant", flush=True)
        verdicts = pool.map(lambda mutant: _noticed(mutant, copies), [] if sound else mutants)
        missed = 0
        for mutant, wrong in zip(mutants, verdicts, strict=False):
            print(f"{'MISSED ' if wrong else 'noticed'} {mutant.name}: {mutant.breaks}", flush=True)
            missed += bool(wrong)
            if wrong:
                print(wrong, flush=True)
    print(f"{len(mutants)} mutants, {missed} missed ({time.monotonic() - began:.0f} s)")
    return 1 if missed or sound or not mutants else 0


def _sound(mutants: Sequence[Mutant], copies: SimpleQueue[Copy]) -> str:
    """Run all tests and cases without a mutant. Returns what fails, or ""."""
    copy = copies.get()
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    faults = sorted({fault for mutant in mutants for fault in mutant.faults})
    for command in (_pytest(tests), _cases(faults)):
        code, output = copy.run(command)
        if code:
            return f"fails without a mutant:\n{output[-3000:]}"
    copies.put(copy)
    return ""


def _noticed(mutant: Mutant, copies: SimpleQueue[Copy]) -> str:
    """Run the mutant's tests and cases. Returns those that did not fail, or ""."""
    copy = copies.get()
    try:
        refused = copy.apply(mutant)
        if refused:
            return f"the patch does not apply: {refused}"
        wrong = [] if mutant.commands else ["the patch names no test and no fault case"]
        for command in mutant.commands:
            code, output = copy.run(command)
            if code != _FAILED:
                wrong.append(f"exit {code} of {' '.join(command[1:])}\n{output[-1500:]}")
        return "\n".join(wrong)
    finally:
        copies.put(copy)


def _pytest(tests: Sequence[str]) -> list[str]:
    quiet = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider"]
    # See tests/conftest.py. The option is Hypothesis' own.
    return [sys.executable, "-m", "pytest", *quiet, "--hypothesis-profile=mutants", *tests]


def _cases(names: Sequence[str]) -> list[str]:
    """Return the command for fault cases, with functions in its own process: that starts faster."""
    chosen = [word for name in names for word in ("--only", name)]
    options = ["--runtime", "inprocess", "--jobs", "4", "--report", os.devnull]
    return [sys.executable, "-m", "tests.faults", *options, *chosen]


if __name__ == "__main__":
    sys.exit(main())
