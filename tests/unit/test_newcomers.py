"""How many new visitors of the page may come from one address in a minute."""

from __future__ import annotations

from chatbot.channels.web.session import COOKIE, address_hash, new_session, set_cookie
from chatbot.core.errors import HistoryUnavailable
from chatbot.core.settings import Settings
from chatbot.edge.http import Request
from chatbot.site.newcomers import Newcomers
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.journal import FakeJournal

KEY = "a key"
SETTINGS = Settings(web_session_key=KEY, web_new_sessions=2)


class Counts:
    """Implements NewcomerCount in memory; `calls` are the addresses that were asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.away = False

    def admit(self, address: str, minute: int, most: int) -> bool:
        if self.away:
            raise HistoryUnavailable("away")
        self.calls.append(f"{minute}:{address}")
        return self.calls.count(f"{minute}:{address}") <= most


class Visits:
    def __init__(self) -> None:
        self.clock, self.counts, self.journal = FakeClock(NOON + 1000), Counts(), FakeJournal()
        self.newcomers = Newcomers(self.counts, self.journal, self.clock)

    def come(
        self, address: str = "192.0.2.1", settings: Settings = SETTINGS, cookie: str = ""
    ) -> int:
        """Open the page. Returns the seconds to wait, 0 for none."""
        request = Request("GET", "/", {}, cookies={COOKIE: cookie}, address=address)
        response = self.newcomers.refusal(request, settings)
        if response is None:
            return 0
        assert response.status == 429
        assert response.headers["refresh"] == response.headers["retry-after"]
        return int(response.headers["retry-after"])


def test_beyond_the_limit_they_wait_for_the_next_minute() -> None:
    visits = Visits()
    assert [visits.come() for _ in range(4)] == [0, 0, 59, 59]
    assert len(visits.counts.calls) == 3, "a flood does not ask the table each time"
    assert visits.journal.infos == [("too_many_newcomers", {})] * 2
    assert visits.come("192.0.2.2") == 0
    visits.clock.advance(59)
    assert [visits.come() for _ in range(3)] == [0, 0, 60]


def test_who_has_been_here_is_not_counted() -> None:
    visits = Visits()
    cookie = set_cookie(new_session(), KEY, secure=False).partition(";")[0].partition("=")[2]
    assert [visits.come(cookie=cookie) for _ in range(5)] == [0] * 5
    assert visits.counts.calls == []
    assert [visits.come(cookie="forged") for _ in range(3)] == [0, 0, 59]


def test_without_a_limit_nobody_is_counted() -> None:
    visits, none = Visits(), Settings(web_session_key=KEY, web_new_sessions=0)
    assert [visits.come(settings=none) for _ in range(9)] == [0] * 9
    assert visits.counts.calls == []


def test_a_table_that_is_away_keeps_no_page_back() -> None:
    visits = Visits()
    visits.counts.away = True
    assert [visits.come() for _ in range(9)] == [0] * 9
    assert visits.journal.warnings[0] == ("newcomers_not_counted", {"reason": "away"})


def test_the_sentence_is_in_the_browsers_language() -> None:
    visits = Visits()
    for number in range(3):
        headers = {"accept-language": "de-AT,de;q=0.9"} if number else {}
        request = Request("GET", "/", headers, address="192.0.2.1")
        response = visits.newcomers.refusal(request, SETTINGS)
    assert response is not None
    assert response.body.startswith("Aus deinem Netz")
    assert "59 s" in response.body


def test_an_address_is_stored_as_a_hash_and_a_network_counts_as_one() -> None:
    hashes = {address_hash(address, KEY) for address in ("2001:db8::1", "2001:db8::ffff:2")}
    assert len(hashes) == 1
    others = {
        address_hash(address, key)
        for address in ("2001:db8:0:1::1", "192.0.2.1", "192.0.2.2", "odd:", "")
        for key in (KEY, "another")
    }
    assert len(others | hashes) == 11
    assert "192.0.2.1" not in "".join(others)
