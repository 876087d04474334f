"""What `sam build` made, and a Python like Lambda's to run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def python() -> Path:
    """A python3.13 with pip: the runtime that the template names."""
    for candidate in _interpreters():
        check = "import pip, sys; sys.exit(sys.version_info[:2] != (3, 13))"
        if subprocess.run([candidate, "-c", check], capture_output=True).returncode == 0:
            return candidate
    reason = "the built functions run on python3.13, which is not here"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _interpreters() -> Iterator[Path]:
    """This one, or what the layers' Makefiles find: on the path, then in pyenv."""
    yield Path(sys.executable)
    if found := shutil.which("python3.13"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob("versions/3.13*/bin/python3.13"))


@pytest.fixture(scope="session")
def built(python: Path) -> Path:
    """The folder of the built functions and layers, by logical id."""
    tools = Path(sys.executable).parent
    environment = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        **os.environ,
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
    }
    subprocess.run([tools / "sam", "build"], cwd=ROOT, env=environment, check=True)
    return ROOT / ".aws-sam" / "build"


@pytest.fixture(scope="session")
def runtime(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Lambda's runtime client and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    lock = ROOT / "requirements" / "runtime.txt"
    options = ["-qq", "--disable-pip-version-check", "--require-hashes"]
    subprocess.run(
        [python, "-m", "pip", "install", *options, "--requirement", lock, "--target", folder],
        check=True,
    )
    return folder
