"""The facts of Telegram's stand-in (bot-api.json), compared with those of aiogram."""

from __future__ import annotations

from typing import Any

import pytest

from local.standins.contract import Contract
from tests.interop.other_clients import SECONDS, ask

pytestmark = pytest.mark.timeout(2 * SECONDS)

OTHER_NAMES = {"MessageGenerationStopped": "StoppedMessageGeneration"}
"""aiogram's names of types where ours differ: neither calls nor updates contain them."""
VERSION = "10.3"
"""The Bot API's, which the stand-in serves, too."""


@pytest.fixture(scope="module")
def known() -> dict[str, dict[str, Any]]:
    version, *types = ask("fields")
    assert version == VERSION
    return {OTHER_NAMES.get(each["name"], each["name"]): each for each in types}


def test_methods_and_types_have_the_same_fields(known: dict[str, dict[str, Any]]) -> None:
    contract = Contract("bot-api")
    ours = {**contract.methods, **contract.types}
    compared = [name for name, fields in ours.items() if isinstance(fields, dict) and name in known]
    assert len(compared) > 200
    for name in compared:
        fields: Any = ours[name]
        assert fields.keys() == known[name]["fields"].keys(), name
        for field, required in known[name]["fields"].items():
            # What aiogram fills in has to be there.
            assert required in (None, fields[field].startswith("!")), f"{name}.{field}"


def test_only_names_that_aiogram_does_not_need_are_unknown_to_it(
    known: dict[str, dict[str, Any]],
) -> None:
    contract = Contract("bot-api")
    ours = {name for name, fields in contract.types.items() if isinstance(fields, dict)}
    assert {*contract.methods, *ours} - known.keys() == set()


def test_types_have_the_same_forms(known: dict[str, dict[str, Any]]) -> None:
    forms = {
        name: {each for each in types if each[:1].isupper() and " " not in each} - {"String"}
        for name, types in Contract("bot-api").types.items()
        if isinstance(types, list)
    }
    compared = [name for name in forms if known.get(name, {}).get("forms")]
    assert len(compared) > 8
    assert {name: forms[name] for name in compared} == {
        name: {*known[name]["forms"]} for name in compared
    }
