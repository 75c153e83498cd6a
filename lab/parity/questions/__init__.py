"""The questions, by area. To import this is to register them."""

from lab.parity.questions import functions, http_apis, logs, messages, metrics, queues, stacks, tables

__all__ = ["functions", "http_apis", "logs", "messages", "metrics", "queues", "stacks", "tables"]
