"""One folder for each platform: `inbound` runs in the webhook, `outbound` in the worker."""
