import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chatbot.adapters.ssm import RETRY_AFTER, Parameters
from chatbot.core.errors import ParametersUnavailable
from tests.fakes.journal import FakeJournal

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PATH = {"PARAMETER_PATH": "/chatbot"}


class FakeSsm:
    def __init__(self, **values: str) -> None:
        self.values = {f"/chatbot/{name}": value for name, value in values.items()}
        self.calls: list[list[str]] = []
        self.error: Exception | None = None

    def get_parameters(self, **request: Any) -> dict[str, Any]:
        names = request["Names"]
        self.calls.append(names)
        assert request["WithDecryption"]
        assert len(names) <= 10
        if self.error:
            raise self.error
        found = [name for name in names if name in self.values]
        return {"Parameters": [{"Name": name, "Value": self.values[name]} for name in found]}


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    def __init__(self) -> None:
        self.ssm = FakeSsm(
            WEB_SESSION_KEY="from the store", SETTINGS='{"HISTORY_TURNS": 3, "SETTINGS_TTL": "60s"}'
        )
        self.clock = Time()
        self.journal = FakeJournal()
        self.environ = dict(PATH)

    def parameters(self, function: str = "web") -> Parameters:
        ssm = cast("SSMClient", self.ssm)
        return Parameters(self.environ, function, ssm, self.journal, self.clock)


@pytest.fixture
def world() -> World:
    return World()


def down() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException"}}, "GetParameters")


def test_secrets_and_settings_come_in_one_call(world: World) -> None:
    settings = world.parameters().settings()
    assert settings.web_session_key == "from the store"
    assert settings.history_turns == 3
    names = ("WEB_SESSION_KEY", "WEB_ACCESS_CODE", "SETTINGS")
    assert world.ssm.calls == [[f"/chatbot/{name}" for name in names]]


@pytest.mark.parametrize("function", ["webhook", "worker", "web"])
def test_a_function_asks_for_its_own_secrets_only(world: World, function: str) -> None:
    world.parameters(function).settings()
    [names] = world.ssm.calls
    assert ("/chatbot/OPENAI_API_KEY" in names) == (function == "worker")
    assert ("/chatbot/TELEGRAM_WEBHOOK_SECRET" in names) == (function == "webhook")


def test_the_environment_wins(world: World) -> None:
    world.environ |= {"WEB_SESSION_KEY": "from here", "HISTORY_TURNS": "5"}
    settings = world.parameters().settings()
    assert (settings.web_session_key, settings.history_turns) == ("from here", 5)


def test_without_a_path_the_environment_is_all(world: World) -> None:
    world.environ = {"WEB_SESSION_KEY": "from here"}
    assert world.parameters().settings().web_session_key == "from here"
    assert not world.ssm.calls


def test_lists_and_nulls_of_the_document(world: World) -> None:
    document = {"OPENAI_FALLBACK_MODELS": ["a", "b"], "TEMPERATURE": None, "TOP_P": 0.5}
    world.ssm.values["/chatbot/SETTINGS"] = json.dumps(document)
    settings = world.parameters().settings()
    assert settings.openai_fallback_models == ("a", "b")
    assert (settings.temperature, settings.top_p) == (None, 0.5)


def test_settings_are_cached_and_then_read_again(world: World) -> None:
    parameters = world.parameters()
    first = parameters.settings()
    world.clock.now += 59
    assert parameters.settings() is first
    assert len(world.ssm.calls) == 1
    world.clock.now += 1
    assert parameters.settings() is first, "equal settings are the same object"
    assert len(world.ssm.calls) == 2
    world.ssm.values["/chatbot/WEB_SESSION_KEY"] = "rotated"
    world.clock.now += 60
    assert parameters.settings().web_session_key == "rotated"


def test_forget_reads_again_at_once(world: World) -> None:
    parameters = world.parameters()
    parameters.settings()
    world.ssm.values["/chatbot/WEB_SESSION_KEY"] = "rotated"
    parameters.forget()
    assert parameters.settings().web_session_key == "rotated"


@pytest.mark.parametrize(
    "error", [down(), EndpointConnectionError(endpoint_url="http://x")], ids=repr
)
def test_a_store_that_is_down_leaves_the_last_settings(world: World, error: Exception) -> None:
    parameters = world.parameters()
    first = parameters.settings()
    world.ssm.error = error
    world.clock.now += 60
    assert parameters.settings() is first
    assert [name for name, _ in world.journal.warnings] == ["settings_not_refreshed"]
    parameters.settings()
    assert len(world.ssm.calls) == 2, "not asked again at every use"
    world.ssm.error = None
    world.ssm.values["/chatbot/WEB_SESSION_KEY"] = "rotated"
    world.clock.now += RETRY_AFTER
    assert parameters.settings().web_session_key == "rotated"


def test_an_answer_that_cannot_be_read_leaves_the_last_settings(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK returns an empty response for it."""
    parameters = world.parameters()
    first = parameters.settings()
    world.clock.now += 60
    monkeypatch.setattr(world.ssm, "get_parameters", lambda **request: {})
    assert parameters.settings() is first
    with pytest.raises(ParametersUnavailable):
        world.parameters().settings()


def test_a_store_that_is_down_from_the_start(world: World) -> None:
    world.ssm.error = down()
    parameters = world.parameters()
    with pytest.raises(ParametersUnavailable):
        parameters.settings()
    world.ssm.error = None
    assert parameters.settings().web_session_key == "from the store"


@pytest.mark.parametrize("document", ["{", "[]", '{"HISTORY_TURNS": "secret words"}'])
def test_a_document_that_cannot_be_read(world: World, document: str) -> None:
    parameters = world.parameters()
    first = parameters.settings()
    world.ssm.values["/chatbot/SETTINGS"] = document
    world.clock.now += 60
    assert parameters.settings() is first
    assert "secret words" not in repr(world.journal.warnings)
    with pytest.raises(ParametersUnavailable) as unavailable:
        world.parameters().settings()
    assert "secret words" not in str(unavailable.value)


def test_no_parameter_at_all_is_no_error(world: World) -> None:
    world.ssm.values.clear()
    assert not world.parameters("webhook").settings().telegram_bot_token
