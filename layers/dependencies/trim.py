"""Remove from the installed packages what the functions do not need.

That are the AWS SDK's models of services and operations that they do not call: a cold start lists
the models and reads those of its clients. And the compiled form of packages that are rarely used
and work without it. `python trim.py FOLDER`, the folder in which the packages are installed.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SERVICES = {"dynamodb", "s3", "sqs", "ssm"}
"""Services whose models stay, of more than 400."""
OPERATIONS = {"ssm": {"GetParameters"}}
"""Operations that stay of a service, where it has many more: reading the whole model would take
most of the time to create the client."""
UNCOMPILED = ("chardet",)
"""Packages whose extension modules are but faster copies of their Python modules, compiled by
mypyc: without them, the layer is 6 MB smaller, and a text that needs them takes 0.04 s more."""


def trim(folder: Path) -> None:
    """Trim the packages that are installed in `folder`."""
    for package in UNCOMPILED:
        _remove_extensions(folder, package)
    data = folder / "botocore" / "data"
    for service in data.iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for name, operations in OPERATIONS.items():
        for path in (data / name).glob("*/service-2.json.gz"):
            model = json.loads(gzip.decompress(path.read_bytes()))
            text = json.dumps(_only(model, operations), separators=(",", ":"))
            # Without a timestamp, so that the same packages make the same layer.
            path.write_bytes(gzip.compress(text.encode(), mtime=0))


def _remove_extensions(folder: Path, package: str) -> None:
    """Remove a package's extension modules for every architecture, as it lists those of one."""
    [record] = folder.glob(f"{package}-*.dist-info/RECORD")
    for line in record.read_text().splitlines():
        name, _, form = line.partition(",")[0].partition(".cpython-")
        for path in folder.glob(f"{name}.cpython-*.so") if form.endswith(".so") else ():
            path.unlink()


def _only(model: Mapping[str, Any], operations: Iterable[str]) -> dict[str, Any]:
    """Return the model with these operations only, and the shapes that they need."""
    kept = {name: model["operations"][name] for name in operations}
    waiting = [
        shape["shape"]
        for each in kept.values()
        for shape in (each["input"], each["output"], *each["errors"])
    ]
    shapes: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shape = shapes[name] = model["shapes"][name]
            parts = (shape.get(part) for part in ("member", "key", "value"))
            waiting += [part["shape"] for part in parts if part]
            waiting += [member["shape"] for member in shape.get("members", {}).values()]
    return {**model, "operations": kept, "shapes": shapes}


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
