"""The domain: values, errors, settings and the ports to the outside. Imports nothing of ours."""
