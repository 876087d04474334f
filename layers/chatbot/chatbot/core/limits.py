"""Bounds on what one person, one message or one answer can cause; docs/security.md has the table.

Workers are shared: ten conversations of strangers wait in the same process. So whatever a person,
a platform or a model server can make large is bounded, and each bound is a constant of this module
with its unit and its reason.
"""

from __future__ import annotations

# An answer, as the model server sends it

LONGEST_ANSWER = 60_000
"""Characters that are kept of an answer; it ends with “…” there, like one that was cut.

That is 15 posts on Telegram, 30 on Messenger, and at most 240 KB in UTF-8: an item of the table
(400 KB) holds it together with its question, so every attempt at posting it has the same text.
"""
MOST_TOKENS = 1_000_000_000
"""Tokens that a server may say it has read or written; more count as this many."""
LONGEST_MODEL_NAME = 200
"""Characters that are kept of a model's name, which a server can choose freely."""
LONGEST_TRANSCRIPT = 50_000
"""Characters that are kept of a recording's transcript, as of a message that was typed."""

# An answer, as it is converted and posted

MOST_NESTING = 20
"""Levels of lists (two each) and quotes that are parsed. Each costs time for every line in it."""
SPARE_CELLS = 200
"""Cells that a table may have beyond one for each of its characters: short rows are filled up."""
MOST_TOKENS_OF_MARKDOWN = 10_000
"""Pieces (blocks, runs of text, ends of emphasis, …) into which an answer may be parsed.

The longest answers that models give have a few thousand.
"""
TEXT_GROWTH = 2
"""Times its source that formatted text may be long, beyond TEXT_SPARE.

It grows where a table repeats its headers and where a link's address follows its words.
"""
TEXT_SPARE = 2_000
"""Characters by which formatted text may be longer in any case, for small tables."""
HTML_GROWTH = 4
"""Times its source that the page's HTML may be long, beyond HTML_SPARE; tags count, too."""
HTML_SPARE = 8_000
"""Characters by which the HTML may be longer in any case: a box to tick alone takes 120."""
SPARE_POSTS = 2
"""Posts of an answer beyond its length by the length of a post, rounded up."""

# What the web page reads

READING_BYTES = 1_000_000
"""Bytes of JSON in one response; what is left comes with the next cursor.

A response of a Lambda function has at most 6 MB (AWS Lambda guide, “Lambda quotas”).
"""
READING_CONVERTED = 60_000
"""Characters of Markdown that are converted for one response.

Answers are converted once, after they are stored; this bounds the time for those of earlier
versions.
"""
DRAFT_FORMATTED = 12_000
"""Characters of an unfinished answer that are formatted, again at each preview; a longer one is
shown as it is written, on Telegram its end formatted."""

# JSON from outside

DEEPEST_JSON = 64
"""Levels of nesting that the JSON of a request may have."""
LONGEST_INTEGER = 64
"""Characters of an integer in the JSON of a request, the minus included.

A request with a longer one is unreadable. One that is merely too large for its field costs at most
its own event, as a body of Messenger may have the events of a thousand people.
"""
LARGEST_INTEGER = 2**64 - 1
"""Integers of an answer, of a platform or a model server, that are beyond it in either direction
count as 0: nobody counts or names anything by them."""

# A turn, as it is stored

MOST_STORED = 320_000
"""Bytes that are stored of a turn's texts, and of its HTML beside them.

DynamoDB refuses an item of more than 400 KB (DynamoDB guide, "Item size"). The rest is for what is
added later: above all the platform's ids of its posts, which take 130 bytes for each 2,000
characters on Messenger.
"""

# Names

LONGEST_NAME = 64
"""Characters of a person's name in a prompt: as many as Telegram's have (Bot API, User)."""
