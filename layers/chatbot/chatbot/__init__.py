"""The chatbot: one package, shared by every function as a Lambda layer."""

__version__ = "0.9.0"
