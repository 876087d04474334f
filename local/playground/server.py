"""The playground's server: write as a person on each platform, see each request, cause faults.

It signs what the page writes, as the platform would, and sets the stand-ins' faults. The page draws
the rest from the recorder's records (`/_local/records`) and from the calls that the stand-ins
accepted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.utils import send_from_directory
from werkzeug.wrappers import Request, Response

from local.standins.faults import Fault
from local.standins.people import CHANNELS, Person, Signer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from local.stack import Stack


def _on_posts(fault: Fault) -> dict[str, Fault]:
    """The fault, on the requests that post messages to Telegram and to Messenger."""
    matches = {"telegram": "sendMessage", "graph": "POST messages"}
    return {server: replace(fault, match=match) for server, match in matches.items()}


PEOPLE = ("ada", "bob", "cleo")
WORKER = "WorkerFunction"
SAMPLES = {"photo": "photo.png", "voice": "voice.wav"}
# Switch → choice → server → fault. The first choice is the usual one. A fault that is not permanent
# (`times`) resets its switch when it occurs.
SWITCHES: dict[str, dict[str, dict[str, Fault]]] = {
    "model": {
        "fine": {},
        "slow": {"openai": Fault("slow", "chat/*", times=0, delay_s=2)},
        "busy": {"openai": Fault("status", times=0, status=429, retry_after=1)},
        "down": {"openai": Fault("status", times=0, status=503)},
    },
    "platforms": {
        "fine": {},
        "busy": _on_posts(Fault("status", times=0, status=429, retry_after=5)),
        "hang_up": _on_posts(Fault("hang_up_after")),
    },
    "webhooks": {"once": {}, "twice": {}},
    "worker": {"alive": {}, "killed": {"openai": Fault("slow", "chat/*", delay_s=1)}},
}
_WORD_SECONDS = 0.08  # between the words of a slow model
_FOLDER = Path(__file__).parent
_FILES = {".css", ".html", ".js", ".png", ".svg", ".wav"}  # what the page consists of
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Playground:
    """A WSGI application for `Stack.add_app`.

    It answers 403 to posts from other origins, and 400 to those that are not of the expected form.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        signer = Signer(stack.settings)
        self._people = {name: Person(name, signer) for name in PEOPLE}
        self._switches = {name: next(iter(choices)) for name, choices in SWITCHES.items()}
        self._written: list[dict[str, Any]] = []
        served = (self._state, self._write, self._switch, self._web, self._sent)
        self._served = {each.__name__[1:]: each for each in served}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request (WSGI)."""
        request = Request(environ)
        name, _, rest = request.path[1:].partition("/")
        try:
            if request.method != "GET" and request.headers.get("origin") != request.host_url[:-1]:
                raise Forbidden("posts must come from this page")
            if name in self._served:
                response = self._served[name](request, rest)
            else:
                response = _file(request.path[1:] or "index.html", environ)
        except HTTPException as error:
            response = Response(f"{error.description}\n", error.code)
        except (LookupError, TypeError, AttributeError) as error:
            response = Response(f"unexpected form: {type(error).__name__}\n", 400)
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _state(self, request: Request, rest: str) -> Response:
        """`GET state`: people, switches, settings; and what was written and posted meanwhile.

        The query's `written`, `telegram` and `graph` say how many of each the page knows already.
        """
        stack, after = self._stack, request.args
        accepted = {"telegram": stack.telegram.accepted, "graph": stack.graph.accepted}
        new = {name: calls[after.get(name, 0, int) :] for name, calls in accepted.items()}
        people = {
            name: {channel: who.conversation(channel).partition(":")[2] for channel in CHANNELS}
            for name, who in self._people.items()
        }
        state = {"people": people, "bot": stack.telegram.me, "switches": self._switches}
        state |= {"calls": {name: [asdict(call) for call in calls] for name, calls in new.items()}}
        state |= {"written": self._written[after.get("written", 0, int) :]}
        return _json({**state, "settings": sorted(stack.settings)})

    def _write(self, request: Request, channel: str) -> Response:
        """`POST write/<channel>` with `{"person", "event" | "media"}` → `{"status"}`.

        An event is a Telegram update, or an item of Messenger's `messaging`; media is a name of
        SAMPLES.
        """
        written = request.get_json()
        person, at = self._people[written["person"]], time.time()
        if "media" in written:
            file = _FOLDER / SAMPLES[written["media"]]
            source = self._stack.upload(channel, file.read_bytes(), file.name)
            post = person.send(channel, written["media"], source)
        elif channel == "telegram":
            post = person.telegram_update(written["event"])
        else:
            post = person.messenger_event(written["event"], "")
        event = json.loads(post.body)
        if channel == "telegram":
            self._stack.telegram.learn(event)
        else:
            event = event["entry"][0]["messaging"][0]
            message = event.get("message") or event.get("postback")
            if message:
                text = message.get("text") or message.get("title", "")
                self._stack.graph.person_wrote(
                    person.psid, message["mid"], text, event["timestamp"]
                )
        self._written.append({"channel": channel, "at": at, **written, "event": event})
        return _json({"status": self._post(post.path, post.headers, post.body).status_code})

    def _web(self, request: Request, rest: str) -> Response:
        """`web/<person>/<path>`: call the bot's own web API, with the cookie of that person."""
        name, _, path = rest.partition("/")
        if name not in self._people:
            raise NotFound
        person = self._people[name]
        headers = {"cookie": person.signer.web_cookie(person.session), "origin": self._stack.url}
        if request.method == "POST":
            headers["content-type"] = request.mimetype
            answer = self._post(f"/web/{path}", headers, request.get_data())
        else:
            url = f"{self._stack.url}/web/{path}"
            answer = requests.get(url, request.args.to_dict(), headers=headers, timeout=30)
        kind = answer.headers.get("content-type")
        return Response(answer.content, answer.status_code, content_type=kind)

    def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> requests.Response:
        """Post to the stack, twice at the same time if so switched. Returns one response."""

        def post(_: int) -> requests.Response:
            return requests.post(self._stack.url + path, body, headers=dict(headers), timeout=30)

        times = 2 if self._switches["webhooks"] == "twice" else 1
        with ThreadPoolExecutor(times) as posting:
            # All of them: what is left in an iterator that is dropped would be cancelled.
            first, *_ = posting.map(post, range(times))
        return first

    def _sent(self, request: Request, name: str) -> Response:
        """`GET sent/<name>`: a file that the bot uploaded, by file id or Graph call number."""
        files = self._stack.telegram.files
        calls = {str(call.number): call.params for call in self._stack.graph.accepted}
        if name in files:
            return Response(files[name][1], mimetype="application/octet-stream")
        if "filedata" not in calls.get(name, {}):
            raise NotFound
        return Response(calls[name]["filedata"].data, mimetype="application/octet-stream")

    def _switch(self, request: Request, rest: str) -> Response:
        """`POST switch` with `{"name", "choice"}` → `{"switches", "killed"}`.

        `killed` is how many busy workers were crashed immediately.
        """
        name, choice = (request.get_json().get(key) for key in ("name", "choice"))
        if choice not in SWITCHES.get(name, ()):
            raise BadRequest("there is no such switch")
        killed = 0
        if choice == "killed":
            try:
                self._stack.isolate(WORKER)
            except RuntimeError as error:
                raise BadRequest(str(error)) from None
            killed = self._stack.kill(WORKER)
        self._set(name, "alive" if killed else choice)
        return _json({"switches": self._switches, "killed": killed})

    def _set(self, name: str, choice: str) -> None:
        self._switches[name] = choice
        self._stack.openai.token_s = _WORD_SECONDS if self._switches["model"] == "slow" else 0
        chosen = {name: SWITCHES[name][choice] for name, choice in self._switches.items()}
        for server in ("telegram", "graph", "openai"):
            set_faults = getattr(self._stack, server).faults
            set_faults.clear()
            for name, faults in reversed(chosen.items()):
                if server in faults:
                    set_faults.add(self._resetting(name, faults[server]))

    def _resetting(self, name: str, fault: Fault) -> Fault:
        """The fault, resetting its switch when it occurs, unless it is permanent."""

        def then(environ: WSGIEnvironment) -> None:
            if name == "worker":
                self._stack.kill(WORKER)
            self._set(name, next(iter(SWITCHES[name])))

        return replace(fault, then=then) if fault.times else fault


def _file(name: str, environ: WSGIEnvironment) -> Response:
    """One of the page's files. Raises NotFound, also for other files of this folder."""
    if Path(name).suffix not in _FILES:
        raise NotFound
    return send_from_directory(_FOLDER, name, environ)


def _json(body: Any) -> Response:
    """JSON in which uploaded files are replaced by their length."""
    return Response(json.dumps(body, default=len), mimetype="application/json")
