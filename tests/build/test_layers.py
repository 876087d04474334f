"""The built layers: bytecode that Lambda uses, and both architectures."""

from __future__ import annotations

from pathlib import Path

import pytest

LAYERS = ("DependenciesLayer", "ChatbotLayer")
ARCHITECTURES = ("aarch64", "x86_64")
UNCHECKED_HASH = 0b01  # PEP 552: hash-based, its source is not looked at
LARGEST = 250_000_000  # bytes, unzipped: Lambda quotas, a function with its layers


@pytest.mark.parametrize("layer", LAYERS)
def test_every_module_is_compiled_for_good(built: Path, layer: str) -> None:
    """A layer's zip keeps no timestamps: bytecode that is checked by them would never be used."""
    sources = [*(built / layer / "python").rglob("*.py")]
    assert sources
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == UNCHECKED_HASH, compiled


@pytest.mark.parametrize("layer", LAYERS)
def test_no_other_bytecode_is_there(built: Path, layer: str) -> None:
    compiled = {*(built / layer).rglob("*.pyc")}
    sources = (built / layer).rglob("*.py")
    assert len(compiled) == len([*sources])


def test_bytecode_names_files_as_lambda_sees_them(built: Path) -> None:
    cache = built / "ChatbotLayer" / "python" / "chatbot" / "core" / "__pycache__"
    assert b"/opt/python/chatbot/core/errors.py" in (cache / "errors.cpython-313.pyc").read_bytes()


def test_extension_modules_are_there_for_both_architectures(built: Path) -> None:
    names = [str(path) for path in (built / "DependenciesLayer").rglob("*.so")]
    stems = {
        architecture: {
            name.replace(architecture, "*")
            for name in names
            if name.endswith(f".cpython-313-{architecture}-linux-gnu.so")
        }
        for architecture in ARCHITECTURES
    }
    assert stems["aarch64"] == stems["x86_64"] != set()
    assert len(names) == 2 * len(stems["aarch64"])  # none that carries no architecture


def test_the_layers_fit(built: Path) -> None:
    files = (path for layer in LAYERS for path in (built / layer).rglob("*"))
    assert sum(path.stat().st_size for path in files if path.is_file()) < LARGEST
