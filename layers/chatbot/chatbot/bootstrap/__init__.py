"""Composition roots, one for each Lambda function: only here are adapters put together."""
