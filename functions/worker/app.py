"""WorkerFunction: answers the queue's messages. See chatbot/conversation/record.py."""

import gc
import os

gc.disable()  # what loads now stays: to look for garbage in it is an eighth of a cold start

from chatbot.bootstrap.worker import build  # noqa: E402

handler = build(os.environ)
gc.freeze()
gc.enable()
