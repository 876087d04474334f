"""Implementations of the ports with AWS and the OpenAI SDK. No adapter imports another."""
