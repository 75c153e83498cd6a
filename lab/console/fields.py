"""What a page sends: a JSON object, each field of which is checked before anything happens."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from starlette.requests import Request

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.redrive.plan import is_unicode
from lab.errors import LabError

MAX_BYTES = 2 * 1_048_576
"""Room for the largest message body there is, and for what it takes to write it as JSON text."""


class InputError(LabError):
    """A page sent something that cannot be meant."""

    def __init__(
        self,
        what: str,
        fix: str = "Correct it and try again.",
        status: HTTPStatus = HTTPStatus.UNPROCESSABLE_ENTITY,
    ) -> None:
        super().__init__(what, fix)
        self.status = status


@dataclass(frozen=True)
class Fields:
    """The fields of one request."""

    values: dict[str, Any]

    def text(self, name: str, *, most: int = 1024, least: int = 1) -> str:
        """A text of a bounded length."""
        value = self.values.get(name)
        if not isinstance(value, str) or not least <= len(value.strip()) or len(value) > most:
            raise InputError(f"{name} must be a text of {least} to {most} characters.")
        if not is_unicode(value):
            raise InputError(f"{name} holds half a surrogate pair, which is not a character.")
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number within bounds, both included."""
        value = self.values.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{name} must be a whole number from {low} to {high}.")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false where it is missing."""
        value = self.values.get(name, False)
        if not isinstance(value, bool):
            raise InputError(f"{name} must be true or false.")
        return value

    def object(self, name: str) -> dict[str, Any]:
        """An object; an empty one where it is missing."""
        value: Any = self.values.get(name, {})
        if not isinstance(value, dict):
            raise InputError(f"{name} must be an object.")
        return cast("dict[str, Any]", value)


async def read(request: Request) -> Fields:
    """The fields of a request. Raises InputError unless it is a JSON object of a sane size."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise InputError(
                f"The request is longer than {MAX_BYTES} bytes.", status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            )
    try:
        value = codec.loads(bytes(body) or b"{}")
    except MalformedJsonError as error:
        raise InputError(f"The request is no JSON: {error}.", status=HTTPStatus.BAD_REQUEST) from error
    if not isinstance(value, dict):
        raise InputError("The request is no JSON object.", status=HTTPStatus.BAD_REQUEST)
    return Fields(cast("dict[str, Any]", value))
