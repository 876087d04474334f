"""Doubles of the ports that follow the real services' rules, without I/O."""
