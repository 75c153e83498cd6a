"""JSON Patch (RFC 6902) as text, applied to the JSON of a body."""

from collections.abc import Mapping, Sequence
from typing import Any

from functions.common import codec
from functions.common.errors import MalformedJsonError
from functions.common.settings import SQS_MAX_BYTES

_WITH_VALUE = frozenset({"add", "replace", "test"})


class PatchError(Exception):
    """A patch that does not fit a document, or makes too much of it."""


def patch_objection(patch: str) -> str | None:
    """What is wrong with a text that is to be a JSON Patch, whatever it is applied to."""
    from jsonpatch import JsonPatch, JsonPatchException  # noqa: PLC0415  a cold start can do without
    from jsonpointer import JsonPointerException  # noqa: PLC0415

    try:
        given: Any = codec.loads(patch)
        if not (isinstance(given, list) and given):
            return "must be a JSON array of operations (RFC 6902)"
        operations: list[dict[str, Any]] = list(JsonPatch(given))  # pyright: ignore[reportUnknownArgumentType]
        for operation in operations:
            # The library looks for it when the operation is applied.
            if operation["op"] in _WITH_VALUE and "value" not in operation:
                return f"must give a value to {operation['op']} {operation['path']}"
    except (MalformedJsonError, JsonPatchException, JsonPointerException, TypeError, ValueError) as error:
        return f"must be a JSON Patch (RFC 6902): {error}"
    return None


def applied(patch: str, document: Any) -> Any:
    """What a patch makes of a document, which stays as it is. Raises PatchError."""
    from jsonpatch import JsonPatch, JsonPatchException  # noqa: PLC0415
    from jsonpointer import JsonPointerException  # noqa: PLC0415

    operations: Sequence[Mapping[str, Any]] = codec.loads(patch)
    try:
        for operation in operations:
            document = JsonPatch([operation]).apply(document)
            # A few copies of the whole into itself would fill any memory.
            if operation["op"] == "copy" and len(codec.dumps(document)) > SQS_MAX_BYTES:
                raise PatchError("it makes the body larger than a message may be")
    except (JsonPatchException, JsonPointerException, TypeError, ValueError, LookupError) as error:
        raise PatchError(str(error)) from error
    except RecursionError as error:
        raise PatchError("it nests the body too deeply") from error
    return document
