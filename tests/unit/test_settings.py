from __future__ import annotations

import pytest

from chatbot.core.errors import InvalidSetting
from chatbot.core.settings import Settings, describe, load, secrets_of


def test_the_first_source_that_names_a_setting_wins() -> None:
    settings = load({"OPENAI_MODEL": ""}, {"OPENAI_MODEL": "second"}, {"OPENAI_MODEL": "third"})
    assert settings.openai_model == "second"
    assert load({}) == Settings()


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("history_turns", "3", 3),
        ("temperature", "0.5", 0.5),
        ("give_up_after", "90", 90.0),
        ("give_up_after", "15m", 900.0),
        ("give_up_after", "500ms", 0.5),
        ("history_max_age", "24h", 86400.0),
        ("openai_fallback_models", "a, b,,c", ("a", "b", "c")),
        ("model_inputs", "text, audio", ("text", "audio")),
        ("ambiguous_delivery", "hold", "hold"),
        ("openai_base_url", "http://[::1]:8080/v1/", "http://[::1]:8080/v1/"),
        (
            "openai_base_url",
            "https://a.example/x?api-version=1",
            "https://a.example/x?api-version=1",
        ),
        ("omitted_parameters", "system,stream_options", ("system", "stream_options")),
    ],
)
def test_values_are_parsed(name: str, raw: str, value: object) -> None:
    assert getattr(load({name.upper(): raw}), name) == value


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("HISTORY_TURNS", "many"),
        ("HISTORY_TURNS", "-1"),
        ("HISTORY_TURNS", "101"),
        ("DAILY_MESSAGES", "-1"),
        ("DAILY_IMAGES", "-1"),
        ("DAILY_RECORDINGS", "-1"),
        ("DAILY_TOTAL", "-1"),
        ("GIVE_UP_AFTER", "soon"),
        ("TEMPERATURE", "warm"),
        ("AMBIGUOUS_DELIVERY", "perhaps"),
        ("MODEL_INPUTS", "text,video"),
        ("RETENTION_DAYS", "29"),
        ("WEB_COLOR", "red"),
        ("TELEGRAM_API_URL", "api.telegram.org"),
        ("TELEGRAM_API_URL", "ftp://api.telegram.org"),
        ("GRAPH_API_URL", "https://graph.facebook.com/v26.0?x=1"),
        ("OPENAI_BASE_URL", "https://key@example.com/v1"),
        ("OMITTED_PARAMETERS", "messages"),
        ("PERSONAS", "[]"),
        ("PERSONAS", "{"),
        ("PERSONAS", '{"Poet": 1}'),
        ("PERSONAS", '{"": "nobody"}'),
        ("PERSONAS", '{"A name that no button takes": "x"}'),
        ("PERSONAS", str({str(n): "x" for n in range(13)}).replace("'", '"')),
    ],
)
def test_a_bad_value_is_named_and_not_shown(name: str, raw: str) -> None:
    with pytest.raises(InvalidSetting, match=name) as refused:
        load({name: raw})
    assert raw not in str(refused.value).replace(name, "")


def test_a_secret_is_not_in_the_repr() -> None:
    assert "hunter2" not in repr(load({"TELEGRAM_BOT_TOKEN": "hunter2"}))


def test_each_function_may_read_only_its_secrets() -> None:
    assert "OPENAI_API_KEY" in secrets_of("worker")
    assert "OPENAI_API_KEY" not in secrets_of("webhook")
    assert secrets_of("web") == ["WEB_SESSION_KEY", "WEB_ACCESS_CODE"]


def test_every_setting_has_a_meaning() -> None:
    assert all(info.meaning and info.type for info in describe())


@pytest.mark.parametrize(
    ("value", "url", "sends"),
    [
        ("auto", "https://api.openai.com/v1", True),
        ("auto", "https://eu.api.openai.com/v1", True),
        ("auto", "https://api.openai.com", True),
        ("auto", "https://api.openai.com.example.org/v1", False),
        ("auto", "https://example.org/api.openai.com/v1", False),
        ("auto", "http://127.0.0.1:8080/v1", False),
        ("on", "http://127.0.0.1:8080/v1", True),
        ("off", "https://api.openai.com/v1", False),
    ],
)
def test_hashes_are_sent_to_openai_or_where_the_operator_says(
    value: str, url: str, *, sends: bool
) -> None:
    settings = load({"REQUEST_HASHES": value, "OPENAI_BASE_URL": url})
    assert settings.sends_hashes is sends
