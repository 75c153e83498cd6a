"""The business: pricing an order and describing its effect."""
