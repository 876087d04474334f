"""The output of `sam build`, and a Python like Lambda's to run it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.built import find_python, install_runtime, sam_build
from local.cloud.template import ROOT


@pytest.fixture(scope="session")
def python() -> str:
    """A python3.13 with pip, the template's runtime."""
    try:
        return find_python()
    except RuntimeError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def built(python: str) -> Path:
    """The folder of the built functions and layers, by logical id."""
    return sam_build(ROOT / ".aws-sam" / "build")


@pytest.fixture(scope="session")
def runtime(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Lambda's runtime client and nothing else."""
    return install_runtime(python, tmp_path_factory.mktemp("runtime"))
