"""Bounds on what one person, one message or one answer can cause; docs/security.md has the table.

Workers are shared: ten conversations of strangers wait in the same process. So whatever a person,
a platform or a model server can make large is bounded, and each bound is a constant of this module
with its unit and its reason.
"""

from __future__ import annotations

# At the door: messages of one conversation that wait in the queue

DOOR_EVENTS = 10
"""Events of one conversation that a webhook process lets through in a burst without counting them.

An album has ten parts, and nobody types ten messages in a few seconds.
"""
DOOR_SECONDS = 60
"""Seconds in which a process forgets DOOR_EVENTS events of a conversation, evenly."""
DOOR_CONVERSATIONS = 10_000
"""Conversations that a webhook process remembers, about 2 MB; the longest silent are forgotten."""
DOOR_CLOSED_MS = 1_000
"""Milliseconds for which a process turns a conversation away without asking the table again.

A flood then costs a write a second and process, not one for each event.
"""
DOOR_RETRY_S = 5
"""Seconds after which the page may send again what was turned away: about one answer."""
PLACES_STALE_S = 120
"""Seconds beyond GIVE_UP_AFTER without any change after which the count of those waiting restarts.

By then every message was answered or given up, but the worker that did it may have died before it
said so, or the message may not have reached the queue.
"""
