"""SetupFunction: registers the webhooks when the stack is deployed, unregisters on deletion."""

import os

from chatbot.bootstrap.setup import build

handler = build(os.environ)
