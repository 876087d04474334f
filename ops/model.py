"""Checks of the model server: the API key, and whether the configured models exist."""

from __future__ import annotations

from collections.abc import Iterator

from chatbot.core.errors import AmbiguousPost, PostRefused
from chatbot.core.settings import Settings
from chatbot.net.post import Session, send
from ops.channels import STORE_A_VALID_ONE
from ops.findings import OPS, Finding, broken, ok, warning


def server(settings: Settings) -> Iterator[Finding]:
    """Check the API key and each configured model's name by the list of models (GET /models).

    A compatible server that has no such list gets a warning only.
    """
    address, mark, query = settings.openai_base_url.partition("?")
    url = f"{address.rstrip('/')}/models{mark}{query}"
    headers = {"Authorization": b"Bearer " + settings.openai_api_key.encode()}
    try:
        answer = send(Session(), "GET", url, timeout=10, headers=headers)
    except (PostRefused, AmbiguousPost) as error:
        yield broken("model server", f"does not answer: {error}", "check OPENAI_BASE_URL")
        return
    if answer.status in (401, 403):
        yield broken("OPENAI_API_KEY", f"refused: {answer.status}", STORE_A_VALID_ONE)
        return
    listed = (answer.body or {}).get("data")
    if not answer.good or not isinstance(listed, list):
        text = f"has no list of models ({answer.status}): the models' names are not checked"
        yield warning("model server", text)
        return
    yield ok("OPENAI_API_KEY", "valid")
    known = {each.get("id") for each in listed if isinstance(each, dict)}
    for wanted in (settings.openai_model, *settings.openai_fallback_models):
        if wanted in known:
            yield ok("model", f"the server has {wanted}")
        else:
            fix = f"{OPS} secrets --set OPENAI_MODEL=…"
            yield broken("model", f"the server does not have {wanted}", fix)
