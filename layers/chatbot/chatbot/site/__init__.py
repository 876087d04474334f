"""The web page: its HTML, scripts and styles, and the turns and files that it reads."""
