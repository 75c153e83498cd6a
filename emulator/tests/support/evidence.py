"""What an expected answer rests on: a recording of AWS's, a document of AWS's, or this distribution's own decision."""

from typing import Any

KINDS = ("recorded", "documented", "ours")


def fault(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str | None:
    """What is wrong with a mark `evidence(kind, source=)`; None if it says all it must."""
    kind = args[0] if args else None
    if kind not in KINDS:
        return f"evidence is {', '.join(KINDS[:-1])} or {KINDS[-1]}, and not {kind!r}"
    if kind != "ours" and not kwargs.get("source"):
        return f"evidence that is {kind} names its source"
    return None
