"""All settings: name, type, default and meaning, each in one place.

The field `history_turns` is the setting `HISTORY_TURNS`. Its value is taken from the environment,
else from the SSM parameter store (a secret from `$PARAMETER_PATH/NAME`, any other setting from the
JSON object in `$PARAMETER_PATH/SETTINGS`), else it is the default.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NewType, get_args, get_origin, get_type_hints

from chatbot.core.errors import InvalidSetting

Seconds = NewType("Seconds", float)
"""A duration. Written as seconds (`90`) or with a unit (`500ms`, `90s`, `15m`, `24h`, `7d`)."""

OMITTABLE = (
    "stream_options",
    "system",
    "temperature",
    "top_p",
    "max_completion_tokens",
    "max_tokens",
    "reasoning_effort",
    "prompt_cache_key",
    "safety_identifier",
)
"""Parts of a request that OMITTED_PARAMETERS may name; `system` is the role of that name."""

_MOST_PERSONAS, _LONGEST_PERSONA = 12, 20

_ADDRESS = r"https?://[^\s/?#@]+(/[^\s?#]*)?", "an address such as https://example.com"
_ADDRESS_WITH_QUERY = r"https?://[^\s/?#@]+(/[^\s?#]*)?(\?[^\s#]*)?", _ADDRESS[1]
# With the hosts of its regions (OpenAI guide, "Your data": us.api.openai.com, eu.api.openai.com).
_OPENAI = r"https://([a-z]+\.)?api\.openai\.com(:443)?(/|$)"
_COLOR = r"#[0-9A-Fa-f]{6}", "a colour such as #3457d5"

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}


def _setting(default: Any, meaning: str, **rules: Any) -> Any:
    return field(default=default, metadata={"meaning": meaning, **rules})


def _secret(meaning: str, *readers: str, least: int = 0) -> Any:
    """`readers` are the Lambda functions that may read it: webhook, worker, web, setup.

    `least` is the number of characters that `ops secrets` asks of a value that somebody chose. A
    shorter one that is stored already still works.
    """
    rules = {"meaning": meaning, "readers": readers, "least": least}
    return field(default="", repr=False, metadata=rules)


@dataclass(frozen=True)
class Settings:
    """All settings, parsed and checked. A channel whose secrets are empty is off."""

    # Telegram
    telegram_bot_token: str = _secret("Bot token from @BotFather", "webhook", "worker", "setup")
    telegram_webhook_secret: str = _secret(
        "Secret that Telegram sends with every webhook call; at least 16 characters",
        "webhook",
        "setup",
        least=16,
    )
    telegram_bot_username: str = _setting("", "The bot's @name, without @; needed in groups")
    telegram_api_url: str = _setting(
        "https://api.telegram.org", "Base URL of the Bot API", form=_ADDRESS
    )
    # Messenger
    messenger_app_secret: str = _secret(
        "App secret: signs events and Graph API calls", "webhook", "worker", "setup"
    )
    messenger_verify_token: str = _secret(
        "Token that Meta sends when it verifies the webhook", "webhook", "setup"
    )
    messenger_page_token: str = _secret("Page access token", "worker", "setup")
    messenger_app_id: str = _setting(
        "", "App id: tells the bot's own echoes from the staff's messages"
    )
    messenger_page_id: str = _setting("", "Page id; events of other pages are ignored")
    graph_api_url: str = _setting(
        "https://graph.facebook.com/v26.0",
        "Base URL of the Graph API, with its version",
        form=_ADDRESS,
    )
    # Web
    web_session_key: str = _secret(
        "Key that signs the web page's cookie; at least 32 characters", "webhook", "web", least=32
    )
    web_access_code: str = _secret(
        "Access code of the web page; at least 8 characters", "webhook", "web", least=8
    )
    web_access: Literal["off", "code", "open"] = _setting(
        "code", "Who may use the page: nobody, those with the access code, or anyone"
    )
    web_unlimited: Literal["off", "on"] = _setting(
        "off", "`on`: `WEB_ACCESS=open` is meant although `DAILY_TOTAL` sets no limit"
    )
    web_code_pause: Literal["off", "on"] = _setting(
        "on", "Whether wrong access codes make their address wait; `off` behind a proxy of your own"
    )
    web_new_sessions: int = _setting(
        30, "Most new visitors of the page from one address in a minute; 0: no limit", min=0
    )
    web_origin: str = _setting("", "Origin that may post (default: the request's own host)")
    web_title: str = _setting("Chat", "Title of the page")
    web_color: str = _setting(
        "#3457d5", "Colour of the page's buttons and links, as #rrggbb", form=_COLOR
    )
    # Model
    openai_api_key: str = _secret("API key of the model server", "worker")
    openai_base_url: str = _setting(
        "https://api.openai.com/v1",
        "Base URL of any server with the Chat Completions API; may have a query, as Azure’s has",
        form=_ADDRESS_WITH_QUERY,
    )
    openai_model: str = _setting("gpt-5.4-mini", "Model that answers")
    openai_fallback_models: tuple[str, ...] = _setting(
        (), "Models asked in turn when the first is unavailable, comma-separated"
    )
    temperature: float | None = _setting(None, "Sent only when set: reasoning models refuse it")
    top_p: float | None = _setting(None, "Sent only when set: reasoning models refuse it")
    reasoning_effort: Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"] = (
        _setting("", "How long a reasoning model thinks, from `none` to `max`; sent only when set")
    )
    max_tokens: int = _setting(
        2000,
        "Most tokens of one answer, thinking included; a cut answer ends with “…”",
        min=1,
    )
    max_tokens_parameter: Literal["max_completion_tokens", "max_tokens"] = _setting(
        "max_completion_tokens", "`max_tokens` for servers that know only that name"
    )
    request_hashes: Literal["auto", "on", "off"] = _setting(
        "auto",
        "Send `prompt_cache_key` and `safety_identifier`, hashes of conversation and person: "
        "`auto` only to api.openai.com",
    )
    omitted_parameters: tuple[str, ...] = _setting(
        (),
        "What the server refuses and is never sent, such as `stream_options` or `system` (role)",
        choices=OMITTABLE,
    )
    model_inputs: tuple[str, ...] = _setting(
        ("text", "image", "audio"),
        "What the models take; pictures or recordings are not sent to models without them",
        choices=("text", "image", "audio"),
    )
    model_timeout: Seconds = _setting(
        40, "Longest wait for one answer, retries and fallback models included"
    )
    streaming: Literal["on", "off"] = _setting("on", "`off` for model servers that cannot stream")
    image_model: str = _setting("gpt-image-2", "Model that generates pictures; `off` for none")
    image_timeout: Seconds = _setting(45, "Longest wait for a picture")
    transcribe_model: str = _setting(
        "gpt-transcribe", "Model that transcribes recordings; `off` for none"
    )
    # Who may talk, and how much
    access: Literal["open", "start", "allowlist"] = _setting(
        "open", "Who is answered: anyone, those who pressed /start, or those on `ALLOWLIST`"
    )
    allowlist: tuple[str, ...] = _setting(
        (), "Ids of people or conversations, such as `telegram:42`, comma-separated"
    )
    daily_messages: int = _setting(
        0, "Most answers a person gets in a day (UTC); 0: no limit", min=0
    )
    daily_images: int = _setting(20, "Most pictures a person gets in a day; 0: no limit", min=0)
    daily_recordings: int = _setting(
        60, "Most minutes of recordings a person has transcribed in a day; 0: no limit", min=0
    )
    daily_total: int = _setting(
        0, "Most answers the bot gives in a day, to all; 0: no limit", min=0
    )
    max_waiting: int = _setting(
        50, "Most messages of a conversation that wait for their answers; 0: no limit", min=0
    )
    max_input: int = _setting(12000, "Longest message, in characters", min=1)
    max_file_mb: int = _setting(10, "Largest picture, recording or document that is read", min=1)
    # What the model is shown
    system_prompt: str = _setting(
        "You are a friendly and helpful assistant.",
        "First line of every prompt; `{date}` and `{name}` are filled in",
    )
    reply_style: str = _setting(
        "Answer politely and concisely.",
        "Second line of every prompt; another choice: “Answer in a single sentence.”",
    )
    personas: str = _setting(
        "",
        "Other system prompts for /persona: a JSON object, name to prompt; `@FILE` where it is set",
        check=lambda value: _personas(value),
    )
    history_turns: int = _setting(10, "Most earlier turns shown to the model", min=0, max=100)
    history_max_age: Seconds = _setting(86400, "Older turns are not shown to the model")
    history_tokens: int = _setting(3000, "Most tokens of earlier turns, estimated", min=0)
    # Fixed answers
    fallback_text: str = _setting(
        "Please try again later.",
        "Answer when the model stays unavailable (default: in the person's language)",
    )
    filtered_text: str = _setting(
        "I can't answer that. Please try to put it differently.",
        "Answer when the content filter stopped the model's (default: likewise)",
    )
    language: str = _setting("en", "Language of people whose own is unknown: `en` or `de`")
    # Delivery
    ambiguous_delivery: Literal["resend", "hold"] = _setting(
        "resend",
        "Telegram, when a worker crashed while posting: `resend` (may repeat) or `hold` (may miss)",
    )
    link_previews: Literal["off", "on"] = _setting(
        "off",
        "`on`: Telegram shows previews of the addresses in answers, and calls them for that",
    )
    settle: Seconds = _setting(20, "Longest time a request can be in flight, plus clock skew")
    post_timeout: Seconds = _setting(10, "Longest wait for a platform's response to a post")
    give_up_after: Seconds = _setting(
        900,
        "Time after its first receive at which a message that cannot be answered gets the "
        "fallback text",
    )
    retry_delay: Seconds = _setting(1, "First pause before a message is tried again")
    retry_delay_max: Seconds = _setting(30, "Longest such pause; it doubles up to here")
    retention_days: int = _setting(
        90, "Days a turn is kept; a message can wait 28 in queue and dead letters", min=30
    )
    settings_ttl: Seconds = _setting(300, "Parameters are read again after this long")

    @property
    def sends_hashes(self) -> bool:
        """Whether requests for answers name conversation and person, by hashes.

        Not every server ignores fields that it does not know: Groq answers 400
        (sipeed/picoclaw#1196), Fireworks "Extra inputs are not permitted"
        (anomalyco/opencode#4386). So they go where they are known to be taken, or asked for.
        """
        if self.request_hashes == "auto":
            return bool(re.match(_OPENAI, self.openai_base_url))
        return self.request_hashes == "on"

    @property
    def persona_prompts(self) -> dict[str, str]:
        """The system prompts of PERSONAS by name."""
        return _personas(self.personas)


@dataclass(frozen=True)
class SettingInfo:
    """Description of a setting: a row of the README's table.

    `readers` are the Lambda functions that may read it if it is a secret, else empty. `least` is
    the number of characters that a secret should have.
    """

    name: str
    type: str
    default: str
    meaning: str
    readers: tuple[str, ...]
    least: int


def describe() -> Iterator[SettingInfo]:
    """Describe every setting, in the order of the class."""
    hints = get_type_hints(Settings)
    for item in fields(Settings):
        hint = hints[item.name]
        yield SettingInfo(
            name=item.name.upper(),
            type=_type_name(hint),
            default=_default_text(item.default, hint),
            meaning=item.metadata["meaning"],
            readers=item.metadata.get("readers", ()),
            least=item.metadata.get("least", 0),
        )


def secrets_of(function: str) -> list[str]:
    """Names of the secrets that the Lambda function (webhook, worker, web, setup) may read."""
    return [info.name for info in describe() if function in info.readers]


def load(*sources: Mapping[str, str]) -> Settings:
    """Parse the settings in `sources`, of which earlier ones take precedence.

    An empty string counts as unset. Raises InvalidSetting with the name and what was expected,
    never the value.
    """
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for item in fields(Settings):
        name = item.name.upper()
        raw = next((source[name] for source in sources if source.get(name)), None)
        if raw is not None:
            values[item.name] = _parse(name, raw, hints[item.name], item.metadata)
    return Settings(**values)


def entries(document: str) -> dict[str, str]:
    """Convert the parameter SETTINGS, a JSON object, to a source for `load`.

    Raises InvalidSetting when it is no JSON object.
    """
    try:
        values = json.loads(document or "{}")
    except ValueError:  # not chained: its text may quote the document
        values = None
    if not isinstance(values, dict):
        raise InvalidSetting("SETTINGS", "a JSON object")
    return {name: _as_text(value) for name, value in values.items()}


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _parse(name: str, raw: str, hint: Any, rules: Mapping[str, Any]) -> Any:
    if get_origin(hint) is Literal:
        if raw not in get_args(hint):
            raise InvalidSetting(name, "one of " + ", ".join(filter(None, get_args(hint))))
        return raw
    if hint is str:
        form, expected = rules.get("form", (".*", ""))
        if not re.fullmatch(form, raw, re.DOTALL):
            raise InvalidSetting(name, expected)
        if "check" in rules:
            rules["check"](raw)
        return raw
    if hint == tuple[str, ...]:
        parts = tuple(part for part in (piece.strip() for piece in raw.split(",")) if part)
        choices = rules.get("choices")
        if choices and not set(parts) <= set(choices):
            raise InvalidSetting(name, "of these, comma-separated: " + ", ".join(choices))
        return parts
    if hint is Seconds:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)", raw.strip())
        if not match:
            raise InvalidSetting(name, "a duration such as 90, 500ms, 15m or 24h")
        return Seconds(float(match[1]) * _UNITS[match[2]])
    kind, expected = (int, "a whole number") if hint is int else (float, "a number")
    try:
        number = kind(raw)
    except ValueError:
        raise InvalidSetting(name, expected) from None
    low, high = rules.get("min"), rules.get("max")
    if (low is not None and number < low) or (high is not None and number > high):
        raise InvalidSetting(name, f"at least {low}" + (f", at most {high}" if high else ""))
    return number


def _personas(raw: str) -> dict[str, str]:
    """Parse PERSONAS; number and length of the names are limited by the platforms' buttons."""
    try:
        personas = json.loads(raw or "{}")
    except ValueError:
        personas = None
    if (
        not isinstance(personas, dict)
        or len(personas) > _MOST_PERSONAS
        or not all(0 < len(name.strip().encode()) <= _LONGEST_PERSONA for name in personas)
        or not all(isinstance(prompt, str) for prompt in personas.values())
    ):
        most = f"at most {_MOST_PERSONAS} names (of {_LONGEST_PERSONA} bytes) and their prompts"
        raise InvalidSetting("PERSONAS", f"a JSON object of {most}")
    return {name.strip(): prompt for name, prompt in personas.items()}


def _type_name(hint: Any) -> str:
    if hint is str or get_origin(hint) is Literal:
        return "text"
    return {Seconds: "time", tuple[str, ...]: "list"}.get(hint, "number")


def _default_text(default: Any, hint: Any) -> str:
    if default is None or default in ("", ()):
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    if hint is not Seconds:
        return str(default)
    unit = next(unit for unit in ("h", "m", "s") if default % _UNITS[unit] == 0)
    return f"{default / _UNITS[unit]:g}{unit}"
