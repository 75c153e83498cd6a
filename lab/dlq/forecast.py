"""What a redrive would come to, asked of the deployed dry-run function, letter by letter."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from functions.common.fate import Fate
from functions.redrive.forecast import DryRunFunction, Forecasts
from lab.pipeline.observe import Pipeline

SUCCEEDED, FAILED, UNKNOWN_YET = 0, 1, 3
"""Exit codes."""

WORDS = {
    Fate.WOULD_PASS: "would pass",
    Fate.WOULD_DIE: "would die again",
    Fate.ALREADY_DONE: "already done",
    Fate.UNCERTAIN: "uncertain",
}


def forecasts(pipeline: Pipeline) -> Forecasts:
    """Forecasts by the code that is deployed. They take any letters, and repaired ones that are not sent yet."""
    function = DryRunFunction(pipeline.aws.client("lambda"), pipeline.stack.dry_run_function_name)
    return Forecasts(function, lambda: math.inf)


def summary(tally: Mapping[str, Any]) -> str:
    """A forecast in a few words: `of 40: 38 would pass, 2 would die again`."""
    told = ", ".join(f"{tally[fate]} {words}" for fate, words in WORDS.items() if tally[fate])
    return f"of {sum(tally[fate] for fate in Fate)}: {told}" if told else "of 0"


def details(tally: Mapping[str, Any]) -> Iterator[str]:
    """What letters would die of, and what the uncertain ones depend on, a line for each."""
    for death in tally["deaths"]:
        yield f"{death['count']} would die of {death['errorType']}: {death['signature']}"
    for reason, count in tally["reasons"].items():
        yield f"{count} uncertain: {reason}"


def exit_code(tally: Mapping[str, Any]) -> int:
    """Whether all would pass or are done already; or it is not known of all."""
    if tally[Fate.WOULD_DIE]:
        return FAILED
    return UNKNOWN_YET if tally[Fate.UNCERTAIN] else SUCCEEDED
