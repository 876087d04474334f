"""Convert a model's Markdown to what each platform can show."""
