"""The line of a stage's access log: `$context` variables replaced by what is known of a request. No AWS here.

Source: API Gateway guide, "Customize HTTP API access logs".
"""

import json
import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$context\.((?:[A-Za-z0-9_]+\.)*[A-Za-z0-9_]+)")


def render(log_format: str, values: Mapping[str, object]) -> str:
    """Fill in the format; a variable without a value becomes `-`. What would break a JSON text is escaped."""
    known = {"error.messageString": values.get("error.message"), **values}

    def fill(variable: re.Match[str]) -> str:
        text = _text(known.get(variable[1]))
        return f'"{text}"' if variable[1] == "error.messageString" else text

    return _VARIABLE.sub(fill, log_format)


def _text(value: object) -> str:
    if value is None or value == "":
        return "-"
    text = json.dumps(value, ensure_ascii=False)
    return text[1:-1] if isinstance(value, str) else text
