"""What every request that comes in over HTTP shares: requests, responses, the webhook."""
