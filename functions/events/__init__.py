"""Outcomes of orders on the event bus."""
