"""Registers the stack with the platforms when it is deployed, and unregisters it when deleted."""

import os

from chatbot.wiring.setup import build

handler = build(os.environ)
