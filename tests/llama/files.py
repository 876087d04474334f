"""A real picture and a real recording: those of the playground."""

from __future__ import annotations

from tests.llama.server import ROOT

_FOLDER = ROOT / "local" / "playground"
PHOTO = (_FOLDER / "photo.png").read_bytes()
VOICE = (_FOLDER / "voice.wav").read_bytes()
