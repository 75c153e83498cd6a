"""The line of a stage's access log: `$context` variables replaced by what is known of a request."""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$context((?:\.[A-Za-z0-9_]+)+)")


def render(log_format: str, values: Mapping[str, object]) -> str:
    """Fill in the format; a variable without a value becomes `-`."""
    return _VARIABLE.sub(lambda variable: str(values.get(variable[1][1:], "-")), log_format)
