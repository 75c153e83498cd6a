"""SQS: LocalStack's provider with the limits of 2026 and its metrics counted off the request path."""
