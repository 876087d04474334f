"""Local replacements of AWS: moto, the HTTP API, the event source, the runtime of functions."""
