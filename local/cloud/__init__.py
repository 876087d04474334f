"""What AWS does for the stack, done on this machine."""
