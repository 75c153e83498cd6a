"""What an expected answer rests on: a recording of AWS's, a document of AWS's, or this distribution's own decision."""

KINDS = ("recorded", "documented", "ours")


def fault(kind: str = "", source: str = "") -> str | None:
    """What is wrong with a mark `evidence(kind, source)`; None if it says all it must."""
    if kind not in KINDS:
        return f"evidence is {', '.join(KINDS[:-1])} or {KINDS[-1]}, and not {kind!r}"
    if kind != "ours" and not source:
        return f"evidence that is {kind} names its source"
    return None
