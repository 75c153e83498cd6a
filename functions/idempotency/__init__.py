"""Every key's effect exactly once, on Powertools' idempotency utility."""

from functions.idempotency.exactly_once import Effect, ExactlyOnce, Result
from functions.idempotency.store import TransactionalStore

__all__ = ["Effect", "ExactlyOnce", "Result", "TransactionalStore"]
