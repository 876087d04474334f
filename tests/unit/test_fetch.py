"""Which addresses are fetched and which refused (chatbot/net/fetch.py)."""

from __future__ import annotations

import pytest

from chatbot.core.errors import ChatbotError, PostRefused, Unfetchable
from chatbot.net.fetch import fetch

PUBLIC = "93.184.216.34"


def refusal(url: str, *addresses: str, hosts: list[str] | None = None, local: str = "") -> str:
    """Return why the address is refused."""

    def resolve(host: str) -> list[str]:
        return list(addresses)

    with pytest.raises(ChatbotError) as caught:
        fetch(url, hosts=hosts, local=[local], most=1, seconds=1, resolve=resolve)
    assert isinstance(caught.value, Unfetchable)
    assert "example" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/p.png",
        "ftp://files.example/p.png",
        "file:///etc/passwd",
        "//files.example/p.png",
        "data:image/png;base64,AAAA",
        "https://files.example:8443/p.png",
        "https://user@files.example/p.png",
        "",
    ],
)
def test_only_plain_https(url: str) -> None:
    assert refusal(url, PUBLIC) == "not_https"


@pytest.mark.parametrize("url", ["https://[::1/", "https://files.example:port/"])
def test_only_addresses(url: str) -> None:
    assert refusal(url, PUBLIC) == "address"


@pytest.mark.parametrize(
    "host", ["files.example", "cdn.net", "evilcdn.net", "cdn.net.example", "api.example.org"]
)
def test_only_the_platforms_hosts(host: str) -> None:
    assert refusal(f"https://{host}/p.png", PUBLIC, hosts=[".cdn.net", "api.example"]) == (
        "foreign_host"
    )


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - not bound, refused
        "224.0.0.1",
        "255.255.255.255",
    ],
)
@pytest.mark.parametrize("more", [(), (PUBLIC,)])
def test_no_address_of_the_inside(address: str, more: tuple[str, ...]) -> None:
    assert refusal("https://a.cdn.net/p", *more, address, hosts=[".cdn.net"]) == "private_address"


def test_a_host_without_an_address() -> None:
    assert refusal("https://files.example/p") == "private_address"


@pytest.mark.parametrize(
    "local",
    ["http://127.0.0.1:9000/v1", "http://127.0.0.1", "http://localhost:9001/", "https://127.0.0.1"],
)
def test_only_the_operators_own_server_may_be_inside(local: str) -> None:
    """Lambda's runtime API listens on another port of the same address as a stand-in."""
    assert refusal("http://127.0.0.1:9001/p", "127.0.0.1", local=local) == "not_https"
    assert refusal("https://127.0.0.1/p", "127.0.0.1", local=local) == "private_address"


def test_a_resolver_that_does_not_answer_is_asked_later() -> None:
    def resolve(host: str) -> list[str]:
        raise OSError(-3, "Temporary failure in name resolution")

    with pytest.raises(PostRefused):
        fetch("https://a.example/", hosts=None, local=[], most=1, seconds=1, resolve=resolve)
