"""Find settings that leave the bot open to strangers: who may write, and for how much."""

from __future__ import annotations

from collections.abc import Iterator

from chatbot.core.settings import Settings
from ops.findings import OPS, Finding, broken

LIMITS = frozenset({"WEB_ACCESS", "WEB_UNLIMITED", "DAILY_TOTAL"})
"""Settings that are only right together: refused, none of them is stored."""


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield what leaves the bot open."""
    meant = settings.daily_total or settings.web_unlimited == "on"
    if settings.web_access == "open" and not meant:
        yield broken(
            "WEB_ACCESS",
            "open without DAILY_TOTAL: strangers may spend without a limit",
            f"{OPS} secrets --set DAILY_TOTAL=500, or --set WEB_UNLIMITED=on if that is meant",
        )
