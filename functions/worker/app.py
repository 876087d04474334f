"""WorkerFunction: answers queued messages; chatbot/conversation/record.py has the steps."""

import gc
import os

gc.disable()  # collecting while modules load, all of which stay, takes 1/8 of a cold start

from chatbot.bootstrap.worker import build  # noqa: E402

handler = build(os.environ)
gc.freeze()
gc.enable()
