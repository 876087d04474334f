"""Find settings that leave the bot open to strangers: who may write for how much, weak secrets."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chatbot.core.settings import Settings, describe
from ops.findings import OPS, Finding, broken, warning

LIMITS = frozenset({"WEB_ACCESS", "WEB_UNLIMITED", "DAILY_TOTAL"})
"""Settings that are only right together: refused, none of them is stored."""
_LEAST = {info.name: info.least for info in describe() if info.least}


def findings(settings: Settings, chosen: Collection[str] = ()) -> Iterator[Finding]:
    """Yield what leaves the bot open. `chosen` are names whose values are about to be stored.

    A secret that is stored already and too short is a warning: it still works.
    """
    meant = settings.daily_total or settings.web_unlimited == "on"
    if settings.web_access == "open" and not meant:
        yield broken(
            "WEB_ACCESS",
            "open without DAILY_TOTAL: strangers may spend without a limit",
            f"{OPS} secrets --set DAILY_TOTAL=500, or --set WEB_UNLIMITED=on if that is meant",
        )
    for name, least in _LEAST.items():
        if 0 < len(getattr(settings, name.lower())) < least:
            text, fix = f"shorter than {least} characters", f"{OPS} secrets --replace {name}"
            if name in chosen:
                yield broken(name, f"{text}: not stored", fix)
            else:
                yield warning(name, text, fix)
