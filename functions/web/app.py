"""Serves the web page and the turns of its conversation."""

import os
from pathlib import Path

from chatbot.wiring.web import build

handler = build(os.environ, Path(__file__).parent)
