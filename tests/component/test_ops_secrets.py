"""`python -m ops secrets` with moto's parameter store and the platforms' stand-ins."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest

from chatbot.bootstrap.channels import CHANNELS
from local.config import DEVELOPMENT
from local.http.server import serve
from local.standins.graph import GraphStandIn
from local.standins.openai import OpenAIStandIn
from local.standins.telegram import TelegramStandIn
from ops import secret_values
from ops.__main__ import main
from ops.stored import Stored
from tests.component.conftest import Aws

GIVEN = (
    "TELEGRAM_BOT_TOKEN",
    "MESSENGER_PAGE_TOKEN",
    "MESSENGER_APP_ID",
    "MESSENGER_APP_SECRET",
    "OPENAI_API_KEY",
    "OPENAI_MODEL",
)
MADE = tuple(
    name.upper()
    for channel in CHANNELS
    if not channel.token or channel.token.upper() in GIVEN
    for name in channel.generated_secrets
)
OF_THE_PAGE = {"WEB_SESSION_KEY", "WEB_ACCESS_CODE"}
Run = Callable[..., int]


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    values = DEVELOPMENT
    graph = GraphStandIn(
        app_id=values["MESSENGER_APP_ID"],
        app_secret=values["MESSENGER_APP_SECRET"],
        page_id=values["MESSENGER_PAGE_ID"],
        page_token=values["MESSENGER_PAGE_TOKEN"],
    )
    telegram = TelegramStandIn(values["TELEGRAM_BOT_TOKEN"], username="local_bot")
    with ExitStack() as opening:
        urls = []
        for app in (telegram, graph, OpenAIStandIn(values["OPENAI_API_KEY"])):
            server = serve(app)
            opening.callback(server.close)
            urls.append(server.url)
        yield {
            "TELEGRAM_API_URL": urls[0],
            "GRAPH_API_URL": urls[1] + "/v26.0",
            "OPENAI_BASE_URL": urls[2] + "/v1",
        }


@pytest.fixture
def run(aws: Aws, addresses: dict[str, str], tmp_path: Path) -> Run:
    def secrets(*words: str, **values: str) -> int:
        """Run it with a file of GIVEN and `values`; an empty value is left out."""
        given = {name: DEVELOPMENT[name] for name in GIVEN} | addresses | values
        lines = [f"{name}={value}" for name, value in given.items() if value]
        (tmp_path / "env").write_text("\n".join(lines))
        return main(["secrets", "--file", str(tmp_path / "env"), *words])

    return secrets


def store(name: str, value: str) -> None:
    """Store a secret past the command, which stores none that a platform refuses."""
    boto3.client("ssm").put_parameter(
        Name=f"/chatbot/{name}", Value=value, Type="SecureString", Overwrite=True
    )


def stored(path: str = "/chatbot") -> dict[str, dict[str, Any]]:
    answer = boto3.client("ssm").get_parameters_by_path(Path=path, WithDecryption=True)
    return {each["Name"].rpartition("/")[2]: dict(each) for each in answer["Parameters"]}


@pytest.fixture(autouse=True)
def _nothing_secret_shows(run: Run, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    secret = [DEVELOPMENT[name] for name in GIVEN if re.search("TOKEN|KEY|SECRET", name)]
    secret += [each["Value"] for name, each in stored().items() if name != "SETTINGS"]
    shown = "".join(capsys.readouterr())
    assert [value for value in secret if value in shown] == []


def test_all_is_stored_and_what_can_be_made_is_made(run: Run, addresses: dict[str, str]) -> None:
    assert run() == 0
    found = stored()
    settings = json.loads(found.pop("SETTINGS")["Value"])
    assert settings == {
        "TELEGRAM_BOT_USERNAME": "local_bot",  # as Telegram told
        "MESSENGER_APP_ID": DEVELOPMENT["MESSENGER_APP_ID"],
        "MESSENGER_PAGE_ID": DEVELOPMENT["MESSENGER_PAGE_ID"],  # as Meta told
        "OPENAI_MODEL": DEVELOPMENT["OPENAI_MODEL"],
        **addresses,
    }
    assert {each["Type"] for each in found.values()} == {"SecureString"}
    assert found.keys() == {name for name in GIVEN if not name.endswith(("_ID", "_MODEL"))} | set(
        MADE
    )
    made = {found[name]["Value"] for name in MADE}
    assert len(made) == len(MADE) >= 4
    for value in made:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}|[A-Za-z0-9_-]{12}", value)


def test_a_second_run_changes_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    before = stored()
    capsys.readouterr()
    assert run() == 0
    assert stored() == before  # versions too
    assert "nothing new" in capsys.readouterr().out


def test_check_stores_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--check") == 1
    assert stored() == {}
    assert "broken   TELEGRAM_WEBHOOK_SECRET" in capsys.readouterr().out
    run()
    assert run("--check") == 0


@pytest.mark.parametrize(
    "name",
    ["TELEGRAM_BOT_TOKEN", "MESSENGER_PAGE_TOKEN", "OPENAI_API_KEY"],
)
def test_what_a_platform_refuses_is_not_stored(
    run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(**{name: "123:mistyped"}) == 1
    assert re.search(f"broken +{name}", capsys.readouterr().out)
    assert name not in stored()
    assert run() == 0
    assert run(**{name: "123:mistyped"}) == 1
    assert stored()[name]["Value"] == DEVELOPMENT[name]


def test_a_channel_may_be_off(run: Run) -> None:
    assert run(MESSENGER_PAGE_TOKEN="", MESSENGER_APP_ID="", MESSENGER_APP_SECRET="") == 0
    assert not [name for name in stored() if name.startswith("MESSENGER")]


def test_settings_are_merged(run: Run) -> None:
    run("--set", "HISTORY_TURNS=5")
    run("--set", "MAX_TOKENS=900")
    settings = json.loads(stored()["SETTINGS"]["Value"])
    assert (settings["HISTORY_TURNS"], settings["MAX_TOKENS"]) == ("5", "900")


def test_a_setting_is_read_from_a_file(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    personas = '{"Poet": "You rhyme, {name}.", "Köchin": "You cook."}'
    file = tmp_path / "personas.json"
    file.write_text(personas + "\n", encoding="utf-8")
    run("--set", f"PERSONAS=@{file}")
    assert json.loads(stored()["SETTINGS"]["Value"])["PERSONAS"] == personas
    assert run("--set", f"PERSONAS=@{tmp_path / 'none.json'}") == 1
    assert "none.json: FileNotFoundError" in capsys.readouterr().err


def test_a_page_open_to_all_needs_a_limit_or_a_second_word(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--set", "WEB_ACCESS=open", "--set", "HISTORY_TURNS=5") == 1
    assert "broken   WEB_ACCESS " in capsys.readouterr().out
    assert plain_settings() == {"HISTORY_TURNS": "5"}
    for name, value in (("DAILY_TOTAL", "500"), ("WEB_UNLIMITED", "on")):
        assert run("--set", "WEB_ACCESS=open", "--set", f"{name}={value}") == 0
        assert plain_settings() == {"HISTORY_TURNS": "5", "WEB_ACCESS": "open", name: value}
        assert run("--set", f"{name}=") == 1, "the limit of an open page is not taken away"
        assert plain_settings()[name] == value
        assert run("--set", f"{name}=", "--set", "WEB_ACCESS=code") == 0
        assert plain_settings() == {"HISTORY_TURNS": "5", "WEB_ACCESS": "code"}


SHORT = {"TELEGRAM_WEBHOOK_SECRET": 16, "WEB_SESSION_KEY": 32, "WEB_ACCESS_CODE": 8}


@pytest.mark.parametrize("name", SHORT)
def test_a_secret_that_is_chosen_by_hand_has_a_least_length(
    run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    least = SHORT[name]
    assert run(**{name: "x" * (least - 1)}) == 1
    assert re.search(f"broken +{name} +shorter than {least} characters", capsys.readouterr().out)
    assert name not in stored()
    assert run(**{name: "y" * least}) == 0
    assert stored()[name]["Value"] == "y" * least


@pytest.mark.parametrize("name", SHORT)
def test_a_shorter_one_of_before_stays_with_a_warning(
    run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    store(name, "short-1")
    for words in ((), ("--check",)):
        assert run(*words) == 0
        assert re.search(f"warning +{name} +shorter than", capsys.readouterr().out)
    assert run(**{name: "short-1"}) == 0, "it is in the file that was used before"
    assert stored()[name]["Value"] == "short-1"
    assert run(**{name: "short-2"}) == 1
    assert stored()[name]["Value"] == "short-1"


def plain_settings() -> dict[str, str]:
    """The stored settings among those that the test above sets."""
    names = ("HISTORY_TURNS", "WEB_ACCESS", "DAILY_TOTAL", "WEB_UNLIMITED")
    settings = json.loads(stored()["SETTINGS"]["Value"])
    return {name: settings[name] for name in names if name in settings}


@pytest.mark.parametrize(
    "setting",
    [
        "HISTORY_TURNS=many",
        "PERSONAS={not-json",
        "NO_SUCH=1",
        "OPENAI_API_KEY=shown-to-all",
        "TABLE_NAME=turns",
        "FILES_BUCKET=pictures",
    ],
)
def test_a_setting_that_makes_no_sense_stores_nothing(
    run: Run, capsys: pytest.CaptureFixture[str], setting: str
) -> None:
    assert run("--set", setting) == 2
    assert stored() == {}
    shown = capsys.readouterr()
    assert setting.partition("=")[0] in shown.err
    assert setting.partition("=")[2] not in shown.err


class Terminal(io.StringIO):
    """A terminal at which `answers` are typed, by name in this order; others are skipped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, str]) -> None:
        super().__init__()
        self.asked: list[str] = []
        self._answers = list(answers)
        monkeypatch.setattr("sys.stdin", self)
        monkeypatch.setattr("ops.secret_values.getpass", self._answer)

    def _answer(self, prompt: str) -> str:
        name = prompt.partition(" ")[0]
        self.asked.append(name)
        if self._answers and self._answers[0][0] == name:
            return self._answers.pop(0)[1]
        return ""

    def isatty(self) -> bool:
        return True


def right(name: str) -> tuple[str, str]:
    return name, DEVELOPMENT[name]


@pytest.fixture
def pointed(run: Run, addresses: dict[str, str]) -> list[str]:
    """Options that set where the stand-ins are; they are stored below /other already."""
    options = [f"--set={name}={value}" for name, value in addresses.items()]
    assert main(["secrets", "--path", "/other", *options, "--set=OPENAI_MODEL=local-model"]) == 1
    return options


def test_on_a_terminal_it_asks_for_what_is_missing(
    pointed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(monkeypatch, right("OPENAI_API_KEY"), right("TELEGRAM_BOT_TOKEN"))
    assert main(["secrets", "--path", "/other"]) == 0
    assert terminal.asked == ["OPENAI_API_KEY", "TELEGRAM_BOT_TOKEN", "MESSENGER_PAGE_TOKEN"]
    assert stored("/other")["OPENAI_API_KEY"]["Value"] == DEVELOPMENT["OPENAI_API_KEY"]


def test_on_a_terminal_it_asks_again_for_what_a_platform_refuses(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run() == 0
    store("TELEGRAM_BOT_TOKEN", "1:revoked")
    terminal = Terminal(
        monkeypatch, ("TELEGRAM_BOT_TOKEN", "1:mistyped"), right("TELEGRAM_BOT_TOKEN")
    )
    assert main(["secrets"]) == 0
    assert terminal.asked == ["TELEGRAM_BOT_TOKEN"] * 2
    assert stored()["TELEGRAM_BOT_TOKEN"]["Value"] == DEVELOPMENT["TELEGRAM_BOT_TOKEN"]


def test_with_a_refused_token_it_asks_for_what_belongs_to_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run() == 0
    store("MESSENGER_APP_SECRET", "old")
    terminal = Terminal(monkeypatch, right("MESSENGER_APP_SECRET"))
    assert main(["secrets"]) == 0
    assert terminal.asked == ["MESSENGER_PAGE_TOKEN", "MESSENGER_APP_ID", "MESSENGER_APP_SECRET"]
    assert stored()["MESSENGER_APP_SECRET"]["Value"] == DEVELOPMENT["MESSENGER_APP_SECRET"]


def test_replace_asks_for_a_new_value(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(OPENAI_API_KEY="", TELEGRAM_BOT_TOKEN="") == 1
    before = stored()
    terminal = Terminal(monkeypatch, ("OPENAI_API_KEY", "wrong"), right("OPENAI_API_KEY"))
    assert main(["secrets", "--replace", "OPENAI_API_KEY"]) == 0
    assert terminal.asked == ["OPENAI_API_KEY"] * 2
    after = stored()
    assert after.pop("OPENAI_API_KEY")["Value"] == DEVELOPMENT["OPENAI_API_KEY"]
    assert after == before  # nothing else was asked for, learned or generated


def test_replace_generates_what_no_platform_issues(run: Run) -> None:
    assert run() == 0
    before = {name: each["Value"] for name, each in stored().items()}
    assert main(["secrets", *(f"--replace={name}" for name in OF_THE_PAGE)]) == 0
    after = {name: each["Value"] for name, each in stored().items()}
    assert {name for name in after if after[name] != before[name]} == OF_THE_PAGE


def test_replace_takes_the_value_from_a_file_or_says_how_to_give_it(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    assert run("--replace", "WEB_ACCESS_CODE", WEB_ACCESS_CODE="chosen-by-hand") == 0
    assert stored()["WEB_ACCESS_CODE"]["Value"] == "chosen-by-hand"
    before = stored()
    assert main(["secrets", "--replace", "OPENAI_API_KEY"]) == 1
    assert "OPENAI_API_KEY: give the new value in --file" in capsys.readouterr().err
    assert stored() == before


def test_of_the_environment_only_what_it_names_is_taken(
    pointed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"LANGUAGE": "de_DE:de", "ACCESS": "start", "WEB_TITLE": "shell"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(*right("TELEGRAM_BOT_TOKEN"))
    before = stored("/other")
    main(["secrets", "--path", "/other"])
    assert "from the environment: TELEGRAM_BOT_TOKEN\n" in capsys.readouterr().out
    assert stored("/other")["TELEGRAM_BOT_TOKEN"]["Value"] == DEVELOPMENT["TELEGRAM_BOT_TOKEN"]
    settings = json.loads(stored("/other")["SETTINGS"]["Value"])
    learned = {"TELEGRAM_BOT_USERNAME": "local_bot"}
    assert settings == json.loads(before["SETTINGS"]["Value"]) | learned
    with pytest.raises(SystemExit):
        main(["secrets", "--help"])
    shown = capsys.readouterr().out
    assert [name for name in ("TELEGRAM_BOT_TOKEN", *MADE) if name not in shown] == []


def test_what_is_taken_is_named_before_it_is_stored(
    pointed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = ("TELEGRAM_BOT_TOKEN", "WEB_ACCESS_CODE")
    monkeypatch.setenv(*right("TELEGRAM_BOT_TOKEN"))
    monkeypatch.setenv("WEB_ACCESS_CODE", "chosen-by-hand")
    printed: list[str] = []
    put = Stored._put

    def noting(self: Stored, name: str, value: str, kind: str) -> None:
        printed.append(capsys.readouterr().out)
        put(self, name, value, kind)

    monkeypatch.setattr(Stored, "_put", noting)
    capsys.readouterr()  # of the fixture's own run
    main(["secrets", "--path", "/other"])
    assert printed[0].splitlines()[0] == f"from the environment: {', '.join(taken)}"
    assert "stored below" not in "".join(printed)
    assert {*taken} <= stored("/other").keys()


SHELL = {
    "LANGUAGE": "de_DE:de",
    "LANG": "de_DE.UTF-8",
    "LC_ALL": "C",
    "PATH": "/bin",
    "HOME": "/home/ada",
    "USER": "ada",
    "TERM": "xterm",
    "EDITOR": "vi",
    "TZ": "Europe/Berlin",
}
"""What shells and desktops export by themselves."""


def test_nothing_is_taken_that_a_shell_exports_by_itself() -> None:
    assert not SHELL.keys() & set(secret_values.environment_names())


def test_set_changes_only_what_it_names(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*right("OPENAI_API_KEY"))
    terminal = Terminal(monkeypatch)
    main(["secrets", "--set", "HISTORY_TURNS=5"])
    assert terminal.asked == []
    assert {name: each["Value"] for name, each in stored().items()} == {
        "SETTINGS": '{"HISTORY_TURNS": "5"}'
    }


def deployed(name: str, path: str) -> None:
    """Deploy a stack that has the output that `ops secrets` asks for."""
    topic = {"Type": "AWS::SNS::Topic"}
    template = {"Resources": {"Topic": topic}, "Outputs": {"ParameterPath": {"Value": path}}}
    boto3.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def test_a_deployed_stack_says_where_its_parameters_are(
    aws: Aws, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    delete = boto3.client("cloudformation").delete_stack
    request.addfinalizer(lambda: delete(StackName="chatbot-prod"))
    deployed("chatbot-prod", "/of-production")
    main(["secrets", "--stack", "chatbot-prod", "--set", "HISTORY_TURNS=5"])
    assert stored("/of-production").keys() == {"SETTINGS"}
    assert "-m ops secrets --stack chatbot-prod\n" in capsys.readouterr().out


def test_a_stack_that_is_not_deployed_needs_its_path(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secrets", "--stack", "none", "--set", "HISTORY_TURNS=5"]) == 1
    assert "before its first deployment, give --path" in capsys.readouterr().err
    monkeypatch.setattr("ops.target.DEFAULT_STACK", "new")  # as in an account that has no stack
    main(["secrets", "--set", "HISTORY_TURNS=5"])
    assert stored("/chatbot").keys() == {"SETTINGS"}


def test_a_file_that_is_not_there_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secrets", "--file", "/nowhere/env"]) == 1
    assert "no such file" in capsys.readouterr().err
