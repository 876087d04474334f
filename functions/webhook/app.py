"""WebhookFunction: receives the platforms' webhooks and the page's messages, and queues them."""

import gc
import os

gc.disable()  # collecting while modules load, all of which stay, takes 1/8 of a cold start

from chatbot.bootstrap.webhook import build  # noqa: E402

handler = build(os.environ)
gc.freeze()
gc.enable()
