"""Processes orders from the queue, each one on its own, and decides what becomes of those that fail."""
