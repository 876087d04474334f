"""The conversation table in DynamoDB."""
