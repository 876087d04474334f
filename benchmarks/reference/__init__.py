"""Reference programs: the same job with the least code, or as the usual tutorial does it."""
