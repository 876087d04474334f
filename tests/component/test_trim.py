"""The build (layers/dependencies/trim.py) removes nothing of the AWS SDK that is used."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import boto3
import botocore
import pytest
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

ROOT = Path(__file__).parents[2]
CODE = [*ROOT.glob("functions/*/app.py"), *ROOT.glob("layers/chatbot/chatbot/**/*.py")]


@pytest.fixture(scope="module")
def trim() -> ModuleType:
    path = ROOT / "layers/dependencies/trim.py"
    spec = importlib.util.spec_from_file_location("trim", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def session(trim: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> boto3.Session:
    """A session with the trimmed SDK's models only."""
    folder = tmp_path_factory.mktemp("layer")
    data = Path(botocore.__file__).with_name("data")
    kept = folder / "botocore" / "data"
    kept.mkdir(parents=True)
    for path in data.iterdir():
        if path.is_file():
            shutil.copy(path, kept)
        elif path.name in {*trim.SERVICES, "ec2"}:
            shutil.copytree(path, kept / path.name)
    for name in ("chardet/a", "chardet/b/c", "0f__mypyc", "other/a"):
        for machine in ("x86_64", "aarch64"):
            path = folder / f"{name}.cpython-313-{machine}-linux-gnu.so"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    (folder / "chardet" / "a.py").touch()
    (folder / "chardet-7.0.dist-info").mkdir()
    (folder / "chardet-7.0.dist-info" / "RECORD").write_text(
        "0f__mypyc.cpython-313-x86_64-linux-gnu.so,sha256=x,1\n"
        "chardet/a.cpython-313-x86_64-linux-gnu.so,sha256=x,1\n"
        "chardet/a.py,sha256=x,1\n"
        "chardet/b/c.cpython-313-x86_64-linux-gnu.so,sha256=x,1\n"
        "chardet-7.0.dist-info/RECORD,,\n"
    )
    trim.trim(folder)
    left = {str(path.relative_to(folder)) for path in folder.rglob("*.so")}
    assert left == {
        f"other/a.cpython-313-{machine}-linux-gnu.so" for machine in ("x86_64", "aarch64")
    }
    assert (folder / "chardet" / "a.py").exists()
    session = boto3.Session("id", "key", region_name="eu-central-1")
    loader = Loader([str(kept)], include_default_search_paths=False)
    session._session.register_component("data_loader", loader)
    return session


def calls(pattern: str) -> set[str]:
    return {name for path in CODE for name in re.findall(pattern, path.read_text())}


def test_every_service_that_is_called_is_left(trim: ModuleType, session: boto3.Session) -> None:
    called = calls(r"(?:\.|lazy_)client\(\s*\"(\w+)\"")
    assert called == trim.SERVICES
    for name in called:
        assert session._session.create_client(name).meta.service_model.service_name == name
    with pytest.raises(UnknownServiceError):
        session._session.create_client("ec2")


def test_every_parameter_call_is_left(trim: ModuleType, session: boto3.Session) -> None:
    ssm = session._session.create_client("ssm")
    assert calls(r"ssm\.(\w+)\(") == {"get_parameters"}
    mapping = ssm.meta.method_to_api_mapping
    assert mapping == {"get_parameters": "GetParameters"}
    whole = boto3.Session().client("ssm", region_name="eu-central-1").meta.service_model
    for side in ("input_shape", "output_shape"):
        shapes = [
            getattr(model.operation_model("GetParameters"), side)
            for model in (ssm.meta.service_model, whole)
        ]
        assert [*shapes[0].members] == [*shapes[1].members]
        assert _leaves(shapes[0]) == _leaves(shapes[1])


def _leaves(shape: object) -> object:
    members = getattr(shape, "members", None)
    if members:
        return {name: _leaves(member) for name, member in members.items()}
    member = getattr(shape, "member", None)
    return [_leaves(member)] if member else getattr(shape, "type_name", None)
