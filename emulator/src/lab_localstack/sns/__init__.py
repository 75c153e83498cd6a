"""SNS: LocalStack's provider with metrics."""
