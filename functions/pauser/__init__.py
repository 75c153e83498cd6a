"""Pauses the worker's event source mapping while a circuit is open, and resumes it."""
