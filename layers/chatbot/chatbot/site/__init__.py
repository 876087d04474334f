"""The web page: its files, and the turns that it reads."""
