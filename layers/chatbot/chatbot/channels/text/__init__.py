"""A model's Markdown, as each platform shows it."""
