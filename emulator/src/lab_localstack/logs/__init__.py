"""CloudWatch Logs: filter patterns, metric filters, embedded metrics, queries and their definitions."""
