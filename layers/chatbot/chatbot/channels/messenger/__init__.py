"""Messenger Platform (Graph API)."""
