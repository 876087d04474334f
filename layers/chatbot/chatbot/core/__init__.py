"""The domain: values, errors, settings and ports. Imports no other package of this project."""
