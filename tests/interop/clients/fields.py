"""Print the types and methods of the Bot API as aiogram knows them, as JSON lines.

Runs in `.venv-telegram`. Each line has the name, the types that are forms of it, and the fields
with whether they are required; null stands for those that aiogram fills in by itself. Deprecated
fields are left out.
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import aiogram.methods
import aiogram.types
from pydantic import BaseModel


def _fields(model: type[BaseModel]) -> dict[str, bool | None]:
    found: dict[str, bool | None] = {}
    for name, each in model.model_fields.items():
        extra: Any = each.json_schema_extra or {}
        if not extra.get("deprecated"):
            constant = not each.is_required() and each.default is not None
            found[each.alias or name] = None if constant else each.is_required()
    return found


def main() -> None:
    """Print the API's version, the types and the methods."""
    sys.stdout.write(json.dumps(aiogram.__api_version__) + "\n")
    base: type[BaseModel] = aiogram.types.TelegramObject
    for name, each in vars(aiogram.types).items():
        if inspect.isclass(each) and issubclass(each, base):
            forms = [form.__name__ for form in each.__subclasses__()]
            line = {"name": name, "forms": forms, "fields": _fields(each)}
            sys.stdout.write(json.dumps(line) + "\n")
    for each in vars(aiogram.methods).values():
        name = getattr(each, "__api_method__", None)
        if isinstance(name, str) and issubclass(each, BaseModel):
            sys.stdout.write(
                json.dumps({"name": name, "forms": [], "fields": _fields(each)}) + "\n"
            )


if __name__ == "__main__":
    main()
