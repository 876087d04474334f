"""WebFunction: serves the web page and the turns of its conversation."""

import gc
import os
from pathlib import Path

gc.disable()  # collecting while modules load, all of which stay, takes 1/8 of a cold start

from chatbot.bootstrap.web import build  # noqa: E402

handler = build(os.environ, Path(__file__).parent)
gc.freeze()
gc.enable()
