"""Is this JSON an order? Every violation with its JSON pointer and reason."""

from functions.validate.order import SCHEMA_VERSIONS, require_order, violations

__all__ = ["SCHEMA_VERSIONS", "require_order", "violations"]
