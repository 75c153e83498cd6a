"""Orders and other messages to SQS: key, attributes, packing, sending."""
