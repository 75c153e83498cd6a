"""S3 whose bodies stay in this engine's own folder."""
