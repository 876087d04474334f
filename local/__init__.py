"""Run the whole stack on one machine, without AWS: `python -m local`."""
