"""Incoming HTTP requests of all channels: their types, refusals and the webhook's steps."""
