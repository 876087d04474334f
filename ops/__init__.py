"""The operator's command line for a deployed or local stack: `python -m ops`."""
