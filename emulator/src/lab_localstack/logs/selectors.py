"""JSON property selectors: `$.a.b[0]`, `$.['a.b']`, `$.items[*].id`."""

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>[\w@:-]+)|\.(?P<any>\*)|\.?\[(?:"(?P<d>[^"]*)"|'(?P<s>[^']*)'|(?P<i>\d+)|(?P<all>\*))\]"""
)

type Step = str | int | None


@lru_cache(maxsize=1024)
def steps(selector: str) -> tuple[Step, ...]:
    """The selector's property names and array indexes; None stands for the wildcard. Raises ValueError."""
    found: list[Step] = []
    position = 1
    while position < len(selector):
        match = _STEP.match(selector, position)
        if not match:
            raise ValueError(f"Invalid JSON selector {selector}")
        position = match.end()
        if match["any"] or match["all"]:
            found.append(None)
        elif match["i"]:
            found.append(int(match["i"]))
        else:
            found.append(match["name"] or match["d"] or match["s"] or "")
    if not selector.startswith("$") or not found:
        raise ValueError(f"Invalid JSON selector {selector}")
    return tuple(found)


def select(document: Any, path: tuple[Step, ...]) -> list[Any]:
    """All values at that path; none if it does not exist."""
    found = [document]
    for step in path:
        found = [value for parent in found for value in _children(parent, step)]
        if not found:
            break
    return found


def _children(parent: Any, step: Step) -> list[Any]:
    if isinstance(step, str):
        return [parent[step]] if isinstance(parent, dict) and step in parent else []
    if isinstance(parent, list):
        return list(parent) if step is None else parent[step : step + 1]
    if step is None and isinstance(parent, dict):
        return list(parent.values())
    return []
