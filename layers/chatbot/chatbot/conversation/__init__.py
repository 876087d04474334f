"""Processes records of the queue: read, answer, store and post. Imports only `core`."""
