"""Check calls against a file of facts: which methods, parameters and types an API has.

A facts file holds {"methods": {name: fields}, "types": {name: fields | [names of its subtypes]}},
and perhaps "common", fields that every method has, and "returns", the types of answers. Fields are
{name: type}: alternatives joined by `|`, a `!` in front where it is required. A type is a name of
"types"; String, Integer, Float, Boolean, Object, InputFile; or `=` and the only value allowed.
`Array of ` stands before the type of the items; `<=10` after a type is the greatest number, or the
greatest length in characters or items; `~` after String is followed by a regular expression.

For example {"chat_id": "!Integer|String", "text": "!String", "limit": "Integer<=100"}.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Upload:
    """A file that was uploaded as multipart/form-data."""

    filename: str
    content_type: str
    data: bytes


_PLAIN: dict[str, type | tuple[type, ...]] = {
    "String": str,
    "Integer": int,
    "Float": (float, int),
    "Boolean": bool,
    "Object": dict,
    "InputFile": Upload,
}


class Violation(Exception):
    """A value that the facts do not allow, at `path` ("message.text"; empty: the whole value)."""

    def __init__(self, kind: Literal["unknown", "missing", "invalid"], path: str, why: str) -> None:
        super().__init__(f'field "{path}": {why}')
        self.kind, self.path, self.why = kind, path, why


class Contract:
    """The facts of the file `name`.json in this folder."""

    def __init__(self, name: str) -> None:
        facts = json.loads(Path(__file__).with_name(f"{name}.json").read_text())
        common = facts.get("common", {})
        self.methods = {name: {**common, **fields} for name, fields in facts["methods"].items()}
        self.types: dict[str, dict[str, str] | list[str]] = facts["types"]
        self.returns: dict[str, str] = facts.get("returns", {})

    def params(self, method: str, given: dict[str, Any], encoded: bool) -> dict[str, Any]:
        """The parameters of a call, checked. Raises Violation, KeyError for an unknown method.

        With `encoded`, values that arrived as text are decoded from JSON where their type says so.
        """
        return self._fields(self.methods[method], given, "", encoded)

    def fit(self, types: str, value: Any, path: str = "", encoded: bool = False) -> Any:
        """Check that `value` is of one of `types` ("Integer|String"), and return it, decoded.

        Raises the Violation of the first type.
        """
        violations = []
        for name in types.split("|"):
            try:
                return self._fit(name, value, path, encoded)
            except Violation as violation:
                violations.append(violation)
        raise violations[0]

    def _fit(self, name: str, value: Any, path: str, encoded: bool) -> Any:
        name, _, pattern = name.partition("~")
        name, _, most = name.partition("<=")
        wrong = Violation("invalid", path, f"expected {name}")
        if encoded and isinstance(value, str) and name != "String" and not name.startswith("="):
            try:
                value = json.loads(value.lower() if name == "Boolean" else value)
            except ValueError:
                raise wrong from None
        if not self._is(name, value):
            raise wrong
        if name.startswith("Array of "):
            item = name.removeprefix("Array of ")
            value = [self.fit(item, each, f"{path}[{n}]") for n, each in enumerate(value)]
        elif name in self.types:
            members = self.types[name]
            if isinstance(members, list):
                return self.fit("|".join(members), value, path)
            return self._fields(members, value, f"{path}." if path else "", encoded=False)
        if pattern and not re.fullmatch(pattern, value, re.DOTALL):
            raise Violation("invalid", path, f"does not match {pattern}")
        if most and (value if isinstance(value, (int, float)) else len(value)) > float(most):
            raise Violation("invalid", path, f"more than {most}")
        return value

    def _is(self, name: str, value: Any) -> bool:
        if name.startswith("="):
            return bool(value == name[1:])
        if name.startswith("Array of "):
            return isinstance(value, list)
        if isinstance(value, bool):
            return name == "Boolean"
        if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            return False  # half of a surrogate pair, which UTF-8 cannot encode
        return isinstance(value, _PLAIN.get(name, dict))

    def _fields(
        self, fields: dict[str, str], given: dict[str, Any], path: str, encoded: bool
    ) -> dict[str, Any]:
        for name, types in fields.items():
            if types.startswith("!") and name not in given:
                raise Violation("missing", f"{path}{name}", "is missing")
        for name in given:
            if name not in fields:
                raise Violation("unknown", f"{path}{name}", "there is no such field")
        return {
            name: self.fit(fields[name].removeprefix("!"), value, f"{path}{name}", encoded)
            for name, value in given.items()
        }
