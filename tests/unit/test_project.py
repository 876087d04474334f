"""The repository besides its code: version, lock files, the files that its host reads."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from chatbot import __version__
from ops.__main__ import main

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
HOSTED = [ROOT / ".pre-commit-config.yaml", *sorted((ROOT / ".github").rglob("*.yml"))]


def test_the_changelogs_newest_version_is_the_packages() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, *_ = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert newest == __version__ == version("chatbot")


def test_ops_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert (left.value.code, capsys.readouterr().out) == (0, f"chatbot {__version__}\n")


@pytest.mark.parametrize("folder", [".", "tests/interop/aimock"])
def test_what_npm_installs_is_locked_and_comes_from_any_registry(folder: str) -> None:
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    package = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    wanted = package["devDependencies"]
    assert "ignore-scripts=true" in (ROOT / folder / ".npmrc").read_text(encoding="utf-8")
    own, *packages = lock["packages"].values()
    assert own["devDependencies"] == wanted
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not any("resolved" in package for package in packages)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_what_pip_installs_is_locked_and_comes_from_any_registry(lock: Path) -> None:
    lines = lock.read_text(encoding="utf-8").splitlines()
    packages = [number for number, line in enumerate(lines) if re.match("[a-z0-9]", line)]
    assert packages
    for number in packages:
        assert "==" in lines[number], lines[number]
        assert "--hash=sha256:" in lines[number + 1], lines[number]
    assert not any("://" in line or "index" in line.split("==")[0] for line in lines)


def test_every_environment_has_its_lock_and_is_ignored_by_git() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    named = set(re.findall(r"\.venv-([a-z]+)/\.installed", makefile))
    assert named == {"checkov", "litellm", "llama", "node", "telegram"}
    compiled = set(re.findall(r"for name in (.+?);", makefile.replace("\n", " ")))
    for name in named:
        assert (ROOT / f"requirements/{name}.txt").is_file()
        assert f".venv-{name}/" in ignored
        locked = any(name in each.split() for each in compiled)
        alone = f"-o requirements/{name}.txt" in makefile
        assert locked or alone, f"make lock leaves out {name}"


@pytest.mark.parametrize("path", HOSTED, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_for_the_host_are_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_the_hosts_workflow_runs_the_script_that_runs_everywhere() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["everything"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]


def test_hooks_run_commands_of_make_check() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    for hook in hooks:
        assert hook["language"] == "system"
        assert hook["entry"].replace(" --force-exclude", "") in makefile
