"""Takes orders in: validates them and publishes them to the queue."""
