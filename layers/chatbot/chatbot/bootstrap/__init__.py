"""The composition roots, one a function: the only place where adapters meet."""
