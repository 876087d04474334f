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
DOOR_FAILED_MS = 60_000
"""Milliseconds after a failed send in which a process drops no message of that conversation.

The platform repeats all of them then, at intervals of up to a minute, and each repetition takes
places: that looks like a flood.
"""
DOOR_RETRY_S = 5
"""Seconds after which the page may send again what was turned away: about one answer."""
PLACES_STALE_S = 120
"""Seconds beyond GIVE_UP_AFTER without any change after which the count of those waiting restarts.

By then every message was answered or given up, unless the function was paused; but the worker that
did it may have died before it said so, or the message may not have reached the queue.
"""
PLACES_CLOCKS_MS = 1_000
"""Milliseconds by which the clocks of the webhook and of the queue may differ."""

# Conversations that share a worker

SUSPECT_TURNS = 4
"""Deliveries after which it is a suspect's turn to run, even if innocent conversations wait for it.

Otherwise innocent ones come first, so that with every worker busy a suspect might never run.
"""
RETURNS_AT_ONCE = 7
"""Receives up to which a record that waits for a suspect's turn is visible again at once.

From the next one on it stays hidden for half a second for each receive, RETURN_MOST_S at most. Else
a suspect is received ten times a minute or more while every attempt fails, as when the model is
away, and the queue moves it to the dead letters (maxReceiveCount 100) before GIVE_UP_AFTER.
"""
RETURN_MOST_S = 30
"""Seconds for which such a record stays hidden at most."""
UNNOTED_TRUSTED_S = 300
"""Seconds after a note that the table refused in which a worker takes records without a note for
innocent: about the time in which it works off what has waited for the table.

Their notes are missing for the table's sake, and not because a worker died.
"""
VISIBILITY_TIMES = 6
"""The queue's visibility timeout as a multiple of the worker's timeout (template.yaml)."""
LEASES_DIFFER = 5.0
"""Seconds by which an earlier worker's lease, or the queue's own visibility timeout, may have been
shorter than it seems to a worker now.

The earlier one may have read its settings first, the queue's clock may differ, and times are
rounded.
"""

CROWDED_REMEMBERED = 10_000
"""Addresses that a process refuses new visitors from without asking the table, in a minute."""

# At the door: access codes that are guessed

GUESSES_FREE = 2
"""Wrong access codes from one address without a pause: people mistype. One more is looked at."""
GUESS_PAUSE_MOST_S = 900
"""Seconds of the longest pause, which begins at 2 and doubles with each wrong code.

That leaves about a hundred guesses in a day to an address.
"""
GUESS_FORGOTTEN_S = 86_400
"""Seconds after the last wrong access code in which it is forgotten."""

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
"""Times its source that the page's HTML may be long, beyond HTML_SPARE; tags count, too.

The alignment of cells, at most 21 characters each, does not: whole columns have it.
"""
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

# Memory, files and commands

SPARE_MEMORY = 0.2
"""Share of the function's memory that stays free."""
AT_REST = 135 * 2**20
"""Bytes that the worker needs without files: measured 97 MB before its first message, and 36 MB
more once the library for encodings is loaded (tests/faults/test_memory.py)."""
LEAST_BUDGET = 14_000_000
"""Bytes for files in the smallest function: one file of 10 MB in its base64 form."""
MOST_PICTURE_BYTES = 20_000_000
"""With more, no further picture is loaded for a prompt. In base64, bytes; that is half of the 50 MB
that OpenAI takes in a request (OpenAI, "Images and vision")."""
OVERTAKEN_S = 5.0
"""Seconds for which others may take memory that is free before somebody who waits for more of it.

A batch begins all its messages at once, so a document that waits for a drawing of a minute does not
hold up the photos beside it; nor is it kept waiting by photos that come one after another.
"""
PDF_MEMORY = 96_000_000
"""Bytes of address space of the process that reads a PDF. A manual of 60 pages needs less than
64 MB."""
PDF_RESIDENT = 60_000_000
"""Bytes that are reserved for it: what of its address space can be resident, measured."""
MOST_EXPORT = 20_000_000
"""Bytes of one export; the next part follows on request. Messenger takes files of 25 MB, Telegram
of 50 MB (Send API, Bot API)."""
EXPORT_RESERVE = 10.0
"""Seconds that are left at the end of an export, and of erasing, to store what was done: beyond
those that every answer keeps for being stored and posted."""
MOST_HISTORY_BYTES = 1_000_000
"""Bytes of memory of stored turns after which no further page (1 MB) of them is read for a message.

A prompt of 100,000 tokens has less than half of it."""
QUEUE_DAYS = 14
"""Days for which a queue keeps a message (template.yaml). The dead-letter queue counts anew."""
UNPROCESSED_DAYS = 2 * QUEUE_DAYS
"""Days for which a message that could not be answered is kept at most: it may wait in the queue
first, and then for an operator among the dead letters."""
MOST_LOOKED_AT = 5_000
"""Turns among which /history, /retry and /new look for exchanges, and for a fresh start."""
MOST_RETRIES = 100
"""Repetitions of a message that /retry follows back to the first."""
LONGEST_COMMAND = 200
"""Characters that are stored of a command, except for those of /image."""
LONGEST_DESCRIPTION = 4_000
"""Characters of the description of a picture."""
LONGEST_DRAWING = LONGEST_DESCRIPTION + 100
"""Characters that are stored of /image: its name and the description."""
LONGEST_CAPTION = 1_000
"""Characters of it that are shown with the picture."""
RECORDING_RATE = 8_000
"""Bytes that are taken for a second of a recording whose header does not say how long it is: 64
kbit/s, twice what the platforms' apps record."""
RECORDING_MOST_BYTES = 40_000
"""Bytes of a recording that count as a second at least, whatever its header says: 320 kbit/s, the
highest rate of MP3. Music in FLAC has two or three times that and counts as so much longer."""
RECORDING_LEAST_BYTES = 250
"""Bytes of a recording that count as a second at most: 2 kbit/s, less than speech takes. A broken
header then does not use up a day's minutes."""
MOST_DRAWN = 10_000_000
"""Bytes of a picture that the model draws: what Telegram takes as a photo (Bot API, sendPhoto)."""
MOST_ANSWER_BODY = 4_000_000
"""Bytes of an answer that comes as one JSON body, and of an event of a streamed one, which may hold
a whole answer: 400,000 characters, each written as six, and more."""
MOST_ERROR = 65_536
"""Bytes of an error of the model server that are read, as they come and unpacked: servers write a
few sentences, and a proxy a page of HTML."""
MOST_REPLY = 1_000_000
"""Bytes of an answer of a platform's API, as they come and unpacked. The longest, ten exchanges of
a conversation that Messenger has stored, takes a tenth."""
MOST_ANSWER_STREAM = 20_000_000
"""Bytes of all events of a streamed answer, of which one at a time is held."""


def in_base64(size: int) -> int:
    """Bytes of so many bytes in base64."""
    return (size + 2) // 3 * 4
