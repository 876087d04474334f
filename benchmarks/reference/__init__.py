"""Programs that do the same job with the least code, or as the usual guide does it."""
