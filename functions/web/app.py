"""Serves the web page and the turns of its conversation."""

import gc
import os
from pathlib import Path

gc.disable()  # what loads now stays: to look for garbage in it is an eighth of a cold start

from chatbot.bootstrap.web import build  # noqa: E402

handler = build(os.environ, Path(__file__).parent)
gc.freeze()
gc.enable()
