"""Judge a storm from outside: by what was sent, what platforms and model got, what is stored.

Nothing may be lost, posted twice, reordered, paid for twice or left unfinished. A repetition is
allowed only where the worker cannot know that it is one: it posts to Telegram again when the
response was lost or a worker died around the post, and asks the model again when the response was
lost, the worker died, or the table did not store the answer. Messenger's conversation can be read
instead, so nothing may be posted twice there.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from local.stack import Stack
from tests.storm.load import Sent
from tests.storm.watch import Event, Watch, named

RULES = (
    "lost",
    "doubled",
    "reordered",
    "paid_twice",
    "stuck",
    "dead_lettered",
    "misremembered",  # a prompt without the message before
    "stray",  # an answer to a message that was not sent
)

_FIRST = "0000000000000.0"
"""A cursor of the page's API that sorts before every turn."""


@dataclass
class Verdict:
    violations: dict[str, list[Event]] = field(default_factory=lambda: {rule: [] for rule in RULES})
    answered: int = 0
    told_again: int = 0  # posts that were repeated as allowed
    asked_again: int = 0  # model calls that were repeated as allowed
    fallbacks: int = 0
    latencies: list[float] = field(default_factory=list)  # seconds, sorted

    @property
    def good(self) -> bool:
        return not any(self.violations.values())


@dataclass(frozen=True)
class Answer:
    """An answer that a person got, at epoch seconds.

    `event` is the message that it answers; of several, the one that the others were merged into.
    """

    event: Event
    text: str
    at: float


@dataclass(frozen=True)
class Arrival:
    event: Event
    first: Event  # the first message that the same answer is to
    at: float  # epoch seconds


Turns = Mapping[Event, Mapping[str, Any]]


def judge(stack: Stack, talks: Sequence[Sequence[Sent]], watch: Watch) -> Verdict:
    """Judge all conversations, once no more faults occur."""
    verdict = Verdict()
    turns = _turns(stack)
    events = {sent.event: sent for talk in talks for sent in talk if sent.event_id}
    tokens = {sent.token: sent for sent in events.values()}
    arrivals: dict[str, list[Arrival]] = defaultdict(list)
    for answer in (
        *_telegram(stack, turns),
        *_messenger(stack),
        *_web(stack, talks, turns),
    ):
        answered = _answered_by(answer, turns, tokens)
        for event in answered:
            if event not in events:
                verdict.violations["stray"].append(event)
            arrivals[event[0]].append(Arrival(event, answered[0], answer.at))
    for talk in talks:
        said = [sent for sent in talk if sent.event_id]
        if said:
            _judge_talk(said, arrivals[said[0].conversation], turns, watch, verdict)
    _judge_prompts(stack, talks, turns, watch, verdict)
    verdict.violations["dead_lettered"] = list(_dead_letters(stack))
    verdict.latencies.sort()
    return verdict


def _judge_talk(
    said: Sequence[Sent], arrivals: Sequence[Arrival], turns: Turns, watch: Watch, verdict: Verdict
) -> None:
    found = verdict.violations
    place = {sent.event: sent.index for sent in said}
    counts = Counter(arrival.event for arrival in arrivals)
    first: dict[Event, float] = {}
    last = -1
    for arrival in arrivals:
        first.setdefault(arrival.event, arrival.at)
        index = place.get(arrival.first, last)
        if index < last:
            found["reordered"].append(arrival.event)
        last = max(last, index)
    for sent in said:
        turn = turns.get(sent.event, {})
        if turn.get("state") != "delivered":
            found["stuck"].append(sent.event)
        verdict.fallbacks += turn.get("origin") == "fallback"
        again = counts[sent.event] - 1
        if again < 0:
            found["lost"].append(sent.event)
            continue
        verdict.answered += 1
        verdict.latencies.append(first[sent.event] - sent.at)
        clear = watch.clear_posts[sent.token]
        if again and (sent.channel != "telegram" or clear > 1 + watch.deaths[sent.event]):
            found["doubled"].append(sent.event)
        else:
            verdict.told_again += again


def _judge_prompts(
    stack: Stack, talks: Sequence[Sequence[Sent]], turns: Turns, watch: Watch, verdict: Verdict
) -> None:
    """Check that the model was asked once about each message, in order, with the one before it.

    Prompts do not show messages that got the fallback text.
    """
    asked: Counter[str] = Counter()
    wrong = verdict.violations["misremembered"]
    tokens = {sent.token: sent for talk in talks for sent in talk}
    for call in stack.openai.accepted:
        lines = [line for line in call.params["messages"] if line["role"] == "user"]
        now = named(lines[-1]["content"])
        shown = [token for line in lines for token in named(line["content"])]
        asked.update(now)
        sent = tokens[now[-1]]
        talk = sent.token.partition("x")[0]
        before = [f"{talk}x{index}" for index in range(sent.index)]
        due = [token for token in before if not _fell_back(tokens.get(token), turns)]
        due = [*due, sent.token]
        if shown != due[-len(shown) :] or (len(due) > len(now) and shown == now):
            wrong.append(sent.event)
    for token, times in asked.items():
        sent = tokens[token]
        allowed = 1 + watch.deaths[sent.event] + watch.puts_failed(sent.event)
        if watch.clear_prompts[token] > allowed:
            verdict.violations["paid_twice"].append(sent.event)
        else:
            verdict.asked_again += times - 1


def _fell_back(sent: Sent | None, turns: Turns) -> bool:
    return sent is not None and turns.get(sent.event, {}).get("origin") == "fallback"


def _answered_by(answer: Answer, turns: Turns, tokens: Mapping[str, Sent]) -> list[Event]:
    """Return the messages that the answer names, or those that the table names if it names none."""
    told = [tokens[token].event for token in named(answer.text) if token in tokens]
    if told or answer.event not in turns:
        return told or [answer.event]
    leader, conversation = turns[answer.event]["sk"], answer.event[0]
    merged = (e for e, turn in turns.items() if turn.get("leader") == leader)
    return [answer.event, *sorted(e for e in merged if e[0] == conversation)]


def _telegram(stack: Stack, turns: Turns) -> Iterator[Answer]:
    """Yield Telegram's answers, matched by the message id that the turn stored.

    A message whose id no turn stored must be a fallback, whose turn could not be updated.
    """
    recorded = {
        (event[0], message_id): event
        for event, turn in turns.items()
        for message_id in turn.get("posted", ())
    }
    open_fallbacks = [e for e, turn in turns.items() if turn["origin"] == "fallback"]
    for call in stack.telegram.accepted:
        if call.method == "sendMessage":
            conversation = f"telegram:{call.params['chat_id']}"
            event = recorded.get((conversation, str(call.result["message_id"])))
            if event is None:
                event = next((e for e in open_fallbacks if e[0] == conversation), None)
            yield Answer(event or (conversation, "unknown"), call.params["text"], call.at)


def _messenger(stack: Stack) -> Iterator[Answer]:
    """Yield Messenger's answers, matched by the event id in their metadata."""
    for call in stack.graph.accepted:
        if call.method == "POST messages":
            conversation = f"messenger:{call.params['recipient']['id']}"
            event_id = call.params["message"]["metadata"].partition(":")[2]
            yield Answer((conversation, event_id), call.params["message"]["text"], call.at)


def _web(stack: Stack, talks: Iterable[Sequence[Sent]], turns: Turns) -> Iterator[Answer]:
    """Yield the answers that the page's API returns, in the order in which they were stored."""
    for talk in talks:
        if talk[0].channel != "web":
            continue
        conversation = talk[0].conversation
        headers = {"cookie": talk[0].person.signer.web_cookie(talk[0].person.session)}
        shown: list[dict[str, Any]] = []
        after = _FIRST
        while after:
            url = f"{stack.url}/web/messages"
            answer = requests.get(url, params={"after": after}, headers=headers, timeout=60)
            page = answer.json()
            shown += [turn for turn in page["turns"] if turn["answer"]]
            after = page["cursor"] if page["turns"] else ""
        found = []
        for turn in shown:
            event = conversation, f"{turn['id']}:message"
            found.append(Answer(event, turn["answer"], int(turns[event]["opened_at"]) / 1000))
        yield from sorted(found, key=lambda answer: answer.at)


def _turns(stack: Stack) -> Turns:
    found = {}
    more: dict[str, Any] = {}
    while True:
        page = stack.table.scan(**more)
        for item in page["Items"]:
            kind, _, rest = str(item["sk"]).partition("#")
            if kind == "turn":
                found[str(item["pk"]), rest.partition("#")[2]] = item
        if "LastEvaluatedKey" not in page:
            return found
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _dead_letters(stack: Stack) -> Iterator[Event]:
    while True:
        answer = stack.sqs.receive_message(
            QueueUrl=stack.dead_letter_queue_url, MaxNumberOfMessages=10, VisibilityTimeout=600
        )
        messages = answer.get("Messages", [])
        if not messages:
            return
        for message in messages:
            envelope = json.loads(message["Body"])
            yield envelope["conversation"], envelope["event_id"]
