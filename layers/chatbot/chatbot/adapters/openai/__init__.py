"""The Model port for servers with the OpenAI API."""
