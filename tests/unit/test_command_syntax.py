import pytest

from chatbot.channels.command_syntax import parse_command


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start", ("start", "")),
        ("  /START  ", ("start", "")),
        ("/image a red\nfox ", ("image", "a red\nfox")),
        ("/image@My_Bot a fox", ("image", "a fox")),
        ("/start@other_bot", ("", "")),
        ("hello", None),
        ("", None),
        ("/", None),
        ("/usr/bin is a path", None),
        ("/résumé", None),
        ("a /start", None),
        ("/" + "a" * 33, None),
    ],
)
def test_commands(text: str, expected: tuple[str, str] | None) -> None:
    assert parse_command(text, "my_bot") == expected


def test_without_a_known_name_every_addressee_is_us() -> None:
    assert parse_command("/start@other_bot") == ("start", "")
