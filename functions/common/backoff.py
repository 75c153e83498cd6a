"""Waiting between tries: exponential backoff with full jitter.

AWS Architecture Blog, "Exponential Backoff And Jitter": a delay drawn evenly from zero to a growing ceiling
keeps clients that failed together from coming back together.
"""

import random


def ceiling(attempt: int, base: float, cap: float) -> float:
    """The longest wait after the `attempt`-th try (from 1): base, 2 x base, 4 x base ... up to cap."""
    # Beyond 2**64 every base is above every cap; larger exponents only cost time.
    return min(cap, base * 2 ** min(attempt - 1, 64))


def full_jitter(attempt: int, base: float, cap: float, rng: random.Random) -> float:
    """A wait in the unit of base and cap, drawn evenly from zero to the ceiling."""
    return rng.uniform(0, ceiling(attempt, base, cap))
