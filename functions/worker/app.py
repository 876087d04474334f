"""WorkerFunction: answers the queue's messages. The way of one message: chatbot/conversation.py."""

import os

from chatbot.wiring.worker import build

handler = build(os.environ)
