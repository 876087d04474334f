"""Registers the stack with the platforms when it is deployed, and unregisters it when deleted."""

import os

from chatbot.bootstrap.setup import build

handler = build(os.environ)
