"""What speed and cost are: this bot beside the least that does the same (docs/performance.md)."""
