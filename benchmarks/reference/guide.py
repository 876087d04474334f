"""A Messenger bot as the usual tutorial writes it: a web server without a database.

For each event it reads the last ten messages from the platform one by one, asks the model and sends
the answer. Run as a program, it prints its URL and serves until its standard input ends.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import requests
from openai import OpenAI
from werkzeug.wrappers import Request, Response

from local.http.server import serve

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

MODEL = OpenAI()
GRAPH = os.environ["GRAPH_API_URL"]
PAGE = os.environ["MESSENGER_PAGE_ID"]
TOKEN = {"Authorization": f"Bearer {os.environ['MESSENGER_PAGE_TOKEN']}"}
SECRET = os.environ["MESSENGER_APP_SECRET"].encode()


@Request.application
def app(request: Request) -> Response:
    """Answer a webhook request once all of its events are answered."""
    body = request.get_data()
    digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    given = request.headers.get("X-Hub-Signature-256", "")
    if not hmac.compare_digest(given, f"sha256={digest}"):
        return Response(status=403)
    for entry in json.loads(body)["entry"]:
        for event in entry["messaging"]:
            answer(event["sender"]["id"])
    return Response("EVENT_RECEIVED")


def answer(person: str) -> None:
    """Read the conversation from the platform, ask the model, and send the answer."""
    query = {"platform": "messenger", "user_id": person, "fields": "messages.limit(10){id}"}
    found = requests.get(f"{GRAPH}/{PAGE}/conversations", query, headers=TOKEN, timeout=10).json()
    prompt: list[ChatCompletionMessageParam] = []
    for known in found["data"][0]["messages"]["data"]:
        fields = {"fields": "from,message"}
        url = f"{GRAPH}/{known['id']}"
        message: dict[str, Any] = requests.get(url, fields, headers=TOKEN, timeout=10).json()
        if message["from"]["id"] == PAGE:
            prompt.insert(0, {"role": "assistant", "content": message["message"]})
        else:
            prompt.insert(0, {"role": "user", "content": message["message"]})
    completion = MODEL.chat.completions.create(model="local-model", messages=prompt)
    reply = {"text": completion.choices[0].message.content}
    sent = {"recipient": {"id": person}, "messaging_type": "RESPONSE", "message": reply}
    requests.post(f"{GRAPH}/{PAGE}/messages", json=sent, headers=TOKEN, timeout=10)


if __name__ == "__main__":
    server = serve(app)
    print(server.url, flush=True)
    sys.stdin.read()
