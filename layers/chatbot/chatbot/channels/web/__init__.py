"""The web page of the bot itself."""
