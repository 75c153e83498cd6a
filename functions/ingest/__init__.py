"""Accepts orders: validates them and publishes them to the queue."""
