"""AWS list prices in us-east-1, in dollars, without free tiers.

They are of DATE: check https://aws.amazon.com/pricing/ before relying on them. Other regions differ
by up to a fifth.
"""

DATE = "2026-11-21"

API_MILLION = 1.00  # HTTP API requests
LAMBDA_MILLION = 0.20  # invocations
LAMBDA_GB_SECOND = 0.0000133334  # arm64; x86_64 costs a quarter more
SQS_MILLION = 0.50  # FIFO requests; a batch counts as one
WRITE_MILLION = 0.625  # DynamoDB on demand, write request units
READ_MILLION = 0.125  # read request units
STORED_GB_MONTH = 0.25 + 0.20  # the table, and its point-in-time recovery
LOGS_GB = 0.50  # CloudWatch Logs, ingested
LOGS_GB_MONTH = 0.03  # stored
METRIC_MONTH = 0.30  # a custom metric
ALARM_MONTH = 0.10
SENT_GB = 0.09  # to the internet
