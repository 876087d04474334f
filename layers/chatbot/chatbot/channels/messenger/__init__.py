"""The Facebook Messenger channel (Messenger Platform, on Meta's Graph API)."""
