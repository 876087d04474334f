"""The composition roots, one a function: the only places where adapters meet."""
