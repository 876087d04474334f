"""Receives the platforms' webhooks and the page's messages, and queues them."""

import gc
import os

gc.disable()  # what loads now stays: to look for garbage in it is an eighth of a cold start

from chatbot.bootstrap.webhook import build  # noqa: E402

handler = build(os.environ)
gc.freeze()
gc.enable()
