"""Answers records of the queue: reads, looks back, answers, stores and posts. Knows only `core`."""
