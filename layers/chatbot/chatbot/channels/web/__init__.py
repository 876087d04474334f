"""The channel of the bot's own web page."""
