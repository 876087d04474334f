"""Stand-ins for Telegram, Messenger and an OpenAI-compatible API over HTTP, and for people."""
