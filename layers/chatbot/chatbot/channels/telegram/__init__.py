"""The Telegram channel (Bot API)."""
