"""Faults on and off."""

from typing import Any

from lab.console.console_state import ConsoleState
from lab.console.fields import Fields
from lab.console.routes.endpoints import post
from lab.console.switches import MAX_SECONDS, MIN_SECONDS


def on(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """Put a fault in force for a time."""
    state.require_idle("scenario", "steady")
    name, seconds = fields.text("name"), fields.whole("seconds", MIN_SECONDS, MAX_SECONDS)
    state.switches.on(state.pipeline, name, seconds, local_functions=state.local_functions)
    state.live.look_soon()
    return {"name": name, "seconds": seconds}


def off(state: ConsoleState, fields: Fields) -> dict[str, Any]:
    """End what is in force at a setting."""
    state.require_idle("scenario", "steady")
    setting = fields.text("knob")
    state.switches.off(state.pipeline, setting)
    state.live.look_soon()
    return {"knob": setting}


ROUTES = [post("/api/faults/on", on), post("/api/faults/off", off)]
