"""Stand-ins of the Telegram Bot API, the Graph API and an OpenAI-compatible API, over real HTTP."""
