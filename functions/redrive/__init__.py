"""Brings dead orders back: preview of the DLQ, filtered and bounded moves, and who may ask for them."""
