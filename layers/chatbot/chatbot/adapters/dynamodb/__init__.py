"""The conversation table in DynamoDB: ports.History."""
