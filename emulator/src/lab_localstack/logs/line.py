"""One log event's message, parsed at most once however many filters look at it."""

import re
from functools import cached_property
from typing import Any

from lab_localstack import documents

_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)(?:\]|\Z)|(\S+)')
"""A bracket that nothing closes holds the rest: else each one of thousands would be looked for to the end."""


class LogLine:
    """The message of one log event."""

    def __init__(self, message: str) -> None:
        self.message = message

    @cached_property
    def json(self) -> Any:
        """The message as a JSON object or array; None if it is not one."""
        if self.message.lstrip()[:1] not in ("{", "["):
            return None
        try:
            document = documents.loads(self.message)
        except ValueError:
            return None
        return document if isinstance(document, dict | list) else None

    @cached_property
    def fields(self) -> list[str]:
        """The message's space-delimited fields; quotes and brackets hold a field together."""
        return [match[match.lastindex or 0] for match in _FIELD.finditer(self.message)]
