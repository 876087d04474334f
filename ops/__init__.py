"""What an operator runs against a stack: `python -m ops`."""
