"""What a dry run may say of a message: the worker's code says it, the redrive counts it."""

from enum import StrEnum


class Fate(StrEnum):
    """What would become of a message that is redriven now. `UNCERTAIN`: chance or a dependency decides."""

    WOULD_PASS = "wouldPass"  # noqa: S105  no secret
    WOULD_DIE = "wouldDie"
    ALREADY_DONE = "alreadyDone"
    UNCERTAIN = "uncertain"
