"""LAB_IAM: whether the engine checks the calls of functions against the policies of their roles."""

import os
from collections.abc import Mapping

from lab.errors import LabError

VARIABLE = "LAB_IAM"
ENFORCE = "enforce"


def wanted(given: Mapping[str, str] = os.environ) -> bool:
    """Whether LAB_IAM asks for it. Raises LabError for another value than `enforce` or nothing."""
    value = given.get(VARIABLE) or ""
    if value not in ("", ENFORCE):
        raise LabError(f"{VARIABLE}={value} is not known.", f"Use {VARIABLE}={ENFORCE}, or leave it out")
    return value == ENFORCE


def require_as_wanted(port: int, *, enforced: bool) -> None:
    """Raise LabError if a running engine does not do what LAB_IAM asks for now."""
    if wanted() and not enforced:
        raise LabError(
            f"The engine on port {port} runs already, without {VARIABLE}={ENFORCE}.",
            f"Stop it first: make down; then: make up {VARIABLE}={ENFORCE}",
        )
