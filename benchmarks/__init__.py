"""Measure the bot's speed and cost against minimal programs that do the same job.

See docs/performance.md.
"""
