"""Generate answers in Markdown from a seed, with the formatted words that they mean."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

Meant = tuple[str, str, str | None]
"""Type of an entity, its words, and the address or the language of code."""

WORDS = (
    "word Grüße 👋 👩‍👩‍👧 🇩🇪 e\u0301te\u0301 नमस्ते שלום مرحبا 注意 한국어 𝒜𝒷 a.b (x)"
    " don't “yes” 42% <b> &amp;"
).split()
_MARKS = {"bold": "**", "italic": "*", "strikethrough": "~~", "code": "`"}
_LANGUAGES = ("python", "c++", None)


@dataclass
class Formatted:
    """`markdown` as a model could write it, and what is `meant` by it, in order."""

    markdown: str = ""
    meant: list[Meant] = field(default_factory=list)


def answer(seed: str, number: int, blocks: int) -> Formatted:
    """Make answer `number` of a seed, of so many paragraphs, quotes, lists and blocks of code."""
    rng = random.Random(f"{seed}:{number}")
    made = Formatted()
    for _ in range(blocks):
        block = rng.choice((_paragraph, _paragraph, _list, _quote, _code))
        made.markdown += block(rng, made.meant) + "\n\n"
    return made


def _paragraph(rng: random.Random, meant: list[Meant]) -> str:
    return " ".join(_piece(rng, meant) for _ in range(rng.randrange(1, 12)))


def _piece(rng: random.Random, meant: list[Meant]) -> str:
    words = _words(rng)
    kind = rng.choice(("", "", "text_link", "nested", "bold around code", *_MARKS))
    if not kind:
        return words
    if kind == "text_link":
        address = f"https://example.com/{rng.randrange(10**6)}?a=1&b=_x_"
        code = rng.choice(("", " `x`"))  # which is no entity in a link
        meant.append((kind, _shown(words) + code.replace("`", ""), address))
        return f"[{words}{code}]({address})"
    if kind == "nested":
        inner, outer = _words(rng), f"{words} "
        meant.append(("bold", _shown(outer + inner), None))
        meant.append(("italic", _shown(inner), None))
        return f"**{outer}*{inner}***"
    if kind == "bold around code":  # which Telegram takes beside each other only
        meant += [("bold", "so ", None), ("code", words, None), ("bold", " on", None)]
        return f"**so `{words}` on**"
    meant.append((kind, words if kind == "code" else _shown(words), None))
    return f"{_MARKS[kind]}{words}{_MARKS[kind]}"


def _words(rng: random.Random) -> str:
    """Words that begin and end with letters, as emphasis has to be beside letters."""
    middle = rng.choices(WORDS, k=rng.randrange(3))
    return " ".join(("so", *middle, "on"))


def _shown(words: str) -> str:
    return words.replace("&amp;", "&")


def _list(rng: random.Random, meant: list[Meant]) -> str:
    return "\n".join(f"- {_paragraph(rng, meant)}" for _ in range(rng.randrange(1, 5)))


def _quote(rng: random.Random, meant: list[Meant]) -> str:
    words = _words(rng)
    meant.append(("blockquote", _shown(words), None))
    return f"> {words}\n\nand"


def _code(rng: random.Random, meant: list[Meant]) -> str:
    language = rng.choice(_LANGUAGES)
    lines = [f"    x = '{_words(rng)}'" for _ in range(rng.randrange(1, 4))]
    meant.append(("pre", "\n".join(lines), language))
    return f"```{language or ''}\n" + "\n".join(lines) + "\n```\n\nand"
