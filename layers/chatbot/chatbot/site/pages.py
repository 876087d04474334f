"""Serve the web page with its cookie, and its assets under names that contain a hash."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import NamedTuple

from chatbot.channels.web.session import cookie_to_set
from chatbot.core.settings import Settings
from chatbot.edge.http import Request, Response
from chatbot.site.theme import colors_of

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_ASSET_LINK = re.compile(r'(?<=/assets/)([a-z]+)\.(css|js|svg)(?=")')
_IMPORT = re.compile(r'^import [^;]+ from "\./([a-z]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile("^export ", re.MULTILINE)
# Comments on lines of their own, which serve people and the type checker but not browsers.
_COMMENT = re.compile(r"^ *(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)
_ASSET = re.compile(r"/assets/([a-z]+)\.([0-9a-f]{12})\.(css|js|svg)")
_HEADERS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
_MAIN = "chat.js"
_IMMUTABLE = "public, max-age=31536000, immutable"


class _Served(NamedTuple):
    """A file as text and gzipped, since the HTTP API does not compress."""

    text: Response
    packed: Response

    def to(self, request: Request) -> Response:
        """Return the response in the form that the client accepts."""
        return self.packed if request.accepts("gzip") else self.text


class Website:
    """Serves `index.html` and `assets/` of `folder`, with title and colours of the settings.

    All JavaScript modules are served as one file: requests in parallel would each start another
    instance of the function. `image_sources` are further origins of pictures, as in the
    Content-Security-Policy's img-src ("https://bucket.s3.amazonaws.com").
    """

    def __init__(self, folder: Path, image_sources: str = "") -> None:
        files = [folder / "index.html", *sorted((folder / "assets").iterdir())]
        self._files = _bundled({file.name: _read(file) for file in files})
        self._policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            f"img-src 'self' {image_sources}; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        )
        self._rendered_for: tuple[str, str] | None = None
        self._version = ""
        self._served: dict[str, _Served] = {}

    def page(self, request: Request, settings: Settings, now: int) -> Response:
        """Return the page, with a cookie for a new conversation if the browser has no valid one."""
        page = self._responses(settings)["index.html"].to(request)
        return with_cookie(page, request, settings, now)

    def asset(self, request: Request, settings: Settings) -> Response | None:
        """Return the asset of the requested path, or None when there is no such file.

        During a deployment, a page of one version may request assets of the other: it gets the
        file of this version, and must not cache it.
        """
        match = _ASSET.fullmatch(request.path)
        if match is None:
            return None
        found = self._responses(settings).get(f"{match[1]}.{match[3]}")
        if found is None:
            return None
        response = found.to(request)
        if match[2] == self._version:
            return response
        return replace(response, headers={**response.headers, "cache-control": "no-store"})

    def _responses(self, settings: Settings) -> dict[str, _Served]:
        """Return what is served by file name, rendered again only when the settings change."""
        values_key = (settings.web_title, settings.web_color)
        if values_key != self._rendered_for:
            values = {"title": escape(settings.web_title), **colors_of(settings.web_color)}
            texts = {name: _render(text, values) for name, text in self._files.items()}
            self._version = hashlib.sha256("".join(texts.values()).encode()).hexdigest()[:12]
            texts["index.html"] = _ASSET_LINK.sub(rf"\1.{self._version}.\2", texts["index.html"])
            self._served = {name: self._file(name, text) for name, text in texts.items()}
            self._rendered_for = values_key
        return self._served

    def _file(self, name: str, text: str) -> _Served:
        headers = {
            **_HEADERS,
            "content-security-policy": self._policy,
            "content-type": _MEDIA_TYPES[name.rpartition(".")[2]],
            "vary": "accept-encoding",
            "cache-control": "no-store" if name == "index.html" else _IMMUTABLE,
        }
        packed = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
        encoded = {**headers, "content-encoding": "gzip"}
        return _Served(Response(200, text, headers), Response(200, packed, encoded, True))


def with_cookie(response: Response, request: Request, settings: Settings, now: int) -> Response:
    """Return the response with a new or renewed conversation cookie, if the browser needs one."""
    cookie = cookie_to_set(request.cookies, settings, now, secure=request.secure)
    if cookie is None:
        return response
    return replace(response, headers={**response.headers, "set-cookie": cookie})


def _read(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return _COMMENT.sub("", text) if file.suffix == ".js" else text


def _bundled(files: dict[str, str]) -> dict[str, str]:
    """Merge all modules into `chat.js`, each after those that it imports."""
    order: list[str] = []

    def add(name: str) -> None:
        for imported in _IMPORT.findall(files[name]):
            add(imported)
        if name not in order:
            order.append(name)

    add(_MAIN)
    whole = "".join(_EXPORT.sub("", _IMPORT.sub("", files[name])) for name in order)
    return {name: text for name, text in files.items() if name not in order} | {_MAIN: whole}


def _render(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text
