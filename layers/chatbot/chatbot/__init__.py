"""The chatbot: one package, shared by every function as a Lambda layer."""
