"""The web page: its files under names that change with them, and its cookie."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from html import escape
from pathlib import Path

from chatbot.channels.web.session import new_session, session_of, set_cookie
from chatbot.core.settings import Settings
from chatbot.edge.http import Request, Response
from chatbot.site.theme import colors_of

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_NAMED = re.compile(r'(?<=/assets/)([a-z]+)\.(css|js|svg)(?=")')
_IMPORT = re.compile(r'^import [^;]+ from "\./([a-z]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile("^export ", re.MULTILINE)
# In lines of their own: what people and the type checker read, browsers need not.
_COMMENT = re.compile(r"^ *(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)
_ASSET = re.compile(r"/assets/([a-z]+)\.([0-9a-f]{12})\.(css|js|svg)")
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_MAIN = "chat.js"
_FOR_EVER = "public, max-age=31536000, immutable"


class Website:
    """`index.html` and the files in `assets/` of `folder`, with title and colours filled in.

    The modules are served as one: each file asked for at once is a cold start of its own.
    `pictures` are the places besides our own that pictures come from, as a policy names them.
    """

    def __init__(self, folder: Path, pictures: str = "") -> None:
        files = [folder / "index.html", *sorted((folder / "assets").iterdir())]
        self._files = _joined({file.name: _read(file) for file in files})
        self._policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            f"img-src 'self' {pictures}; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        self._filled_for: tuple[str, str] | None = None
        self._mark = ""
        self._served: dict[str, Response] = {}

    def page(self, request: Request, settings: Settings) -> Response:
        """The page; it brings a new conversation where the browser shows no valid cookie."""
        page = self._fill(settings)["index.html"]
        if session_of(request.cookies, settings.web_session_key) is not None:
            return page
        cookie = set_cookie(
            new_session(), settings.web_session_key, secure=request.scheme == "https"
        )
        return Response(page.status, page.body, {**page.headers, "set-cookie": cookie}, True)

    def asset(self, request: Request, settings: Settings) -> Response | None:
        """None when there is no such file.

        The page of one deployment may ask another for its files: those are served, and not kept.
        """
        match = _ASSET.fullmatch(request.path)
        found = self._fill(settings).get(f"{match[1]}.{match[3]}") if match else None
        if match is None or found is None or match[2] == self._mark:
            return found
        headers = {**found.headers, "cache-control": "no-store"}
        return Response(found.status, found.body, headers, found.base64)

    def _fill(self, settings: Settings) -> dict[str, Response]:
        """Every file by its own name, as it is served under these settings."""
        wanted = (settings.web_title, settings.web_color)
        if wanted != self._filled_for:
            values = {"title": escape(settings.web_title), **colors_of(settings.web_color)}
            texts = {name: _filled(text, values) for name, text in self._files.items()}
            self._mark = hashlib.sha256("".join(texts.values()).encode()).hexdigest()[:12]
            texts["index.html"] = _NAMED.sub(rf"\1.{self._mark}.\2", texts["index.html"])
            self._served = {name: self._file(name, text) for name, text in texts.items()}
            self._filled_for = wanted
        return self._served

    def _file(self, name: str, text: str) -> Response:
        """Packed for every browser there is: the HTTP API packs nothing."""
        headers = {
            **_HEADERS,
            "content-security-policy": self._policy,
            "content-type": _MEDIA_TYPES[name.rpartition(".")[2]],
            "content-encoding": "gzip",
            "cache-control": "no-store" if name == "index.html" else _FOR_EVER,
        }
        packed = gzip.compress(text.encode(), 9, mtime=0)
        return Response(200, base64.b64encode(packed).decode(), headers, True)


def _read(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return _COMMENT.sub("", text) if file.suffix == ".js" else text


def _joined(files: dict[str, str]) -> dict[str, str]:
    """With all modules in `chat.js`, each after those that it imports."""
    order: list[str] = []

    def add(name: str) -> None:
        for imported in _IMPORT.findall(files[name]):
            add(imported)
        if name not in order:
            order.append(name)

    add(_MAIN)
    whole = "".join(_EXPORT.sub("", _IMPORT.sub("", files[name])) for name in order)
    return {name: text for name, text in files.items() if name not in order} | {_MAIN: whole}


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text
