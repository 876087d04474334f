"""Receives the platforms' webhooks and the page's messages, and queues them."""

import os

from chatbot.wiring.webhook import build

handler = build(os.environ)
