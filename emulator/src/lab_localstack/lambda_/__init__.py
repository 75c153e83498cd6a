"""Lambda: functions as local processes, their metrics, and SQS event source mappings that scale as AWS documents."""
