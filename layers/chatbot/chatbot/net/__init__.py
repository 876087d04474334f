"""Outgoing HTTP requests: calls of APIs, downloads from untrusted URLs, TLS."""
