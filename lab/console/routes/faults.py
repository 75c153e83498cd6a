"""Faults on and off."""

from typing import Any

from lab.console.desk import Desk
from lab.console.fields import Fields
from lab.console.routes.acting import post
from lab.console.switches import MAX_SECONDS, MIN_SECONDS


def on(desk: Desk, fields: Fields) -> dict[str, Any]:
    """Put a fault in force for a time."""
    desk.require_idle("scenario", "steady")
    name, seconds = fields.text("name"), fields.whole("seconds", MIN_SECONDS, MAX_SECONDS)
    desk.switches.on(desk.pipeline, name, seconds, local_functions=desk.local_functions)
    desk.live.look_soon()
    return {"name": name, "seconds": seconds}


def off(desk: Desk, fields: Fields) -> dict[str, Any]:
    """End what is in force at a knob."""
    desk.require_idle("scenario", "steady")
    knob = fields.text("knob")
    desk.switches.off(desk.pipeline, knob)
    desk.live.look_soon()
    return {"knob": knob}


ROUTES = [post("/api/faults/on", on), post("/api/faults/off", off)]
