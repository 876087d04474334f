"""One folder a platform: `inbound` (webhook side, light) and `outbound` (worker side)."""
