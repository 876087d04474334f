"""HTTP requests to other servers: posts, guarded fetching, TLS."""
