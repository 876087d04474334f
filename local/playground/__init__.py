"""The page at /playground: write as a person on each platform, see every request, cause faults."""
