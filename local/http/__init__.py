"""Serving, recording and forwarding HTTP on the loopback interface."""
