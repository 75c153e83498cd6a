"""The results of a run as a table: what passed, what did not and why, beside a stock engine."""

from collections import Counter
from collections.abc import Iterable, Mapping

from recorded import expected
from recorded.expected import Expectation
from recorded.results import Result

_HEAD = (
    "| area | recorded | skipped | noise | rule | not served | differs | passed | share "
    "| stock passed | worse than stock |"
)
_RULE = "| --- |" + " ---: |" * 10
_ASIDE = ("noise", "rule", "not served")


def markdown(results: Iterable[Result], known: Mapping[str, Expectation], stock: Iterable[Result]) -> str:
    """One row for each area, over all suites.

    `share`: those that passed, of those that passed or differ from AWS. What is left out counts as noise.
    """
    by_area: dict[str, list[Result]] = {}
    for result in results:
        by_area.setdefault(result.area, []).append(result)
    on_stock = {result.name: result.outcome for result in stock}
    rows = [_row(area, inside, known, on_stock) for area, inside in sorted(by_area.items())]
    return "\n".join([_HEAD, _RULE, *rows]) + "\n"


def reasons(results: Iterable[Result], known: Mapping[str, Expectation]) -> str:
    """Every failure under its reason, the listed reasons before the unlisted failures."""
    grouped: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: result.name):
        if result.outcome == "failed":
            expectation = expected.of(known, result.name)
            reason = f"{expectation.kind}: {expectation.reason}" if expectation else "new"
            shown = result.name if expectation else f"{result.name}\n  {result.reason}"
            grouped.setdefault(reason, []).append(shown)
    return "\n".join(
        f"{reason} ({len(names)})\n" + "".join(f"- {name}\n" for name in names)
        for reason, names in sorted(grouped.items(), key=lambda pair: pair[0] == "new")
    )


def _row(
    area: str, results: list[Result], known: Mapping[str, Expectation], on_stock: Mapping[str, str]
) -> str:
    outcomes = Counter(result.outcome for result in results)
    failed = [result for result in results if result.outcome == "failed"]
    kinds = Counter(_kind(known, result) for result in failed)
    aside = [kinds[kind] for kind in _ASIDE]
    aside[0] += outcomes["left out"]
    differs = len(failed) - sum(kinds[kind] for kind in _ASIDE)
    judged = outcomes["passed"] + differs
    share = f"{100 * outcomes['passed'] / judged:.1f} %" if judged else "-"
    there = Counter(on_stock[result.name] for result in results if result.name in on_stock)
    worse = sum(
        on_stock.get(result.name) == "passed" and _kind(known, result) not in ("rule", "unsteady")
        for result in failed
    )
    beside = (there["passed"], worse) if there else ("-", "-")
    cells = (area, len(results), outcomes["skipped"], *aside, differs, outcomes["passed"], share, *beside)
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _kind(known: Mapping[str, Expectation], result: Result) -> str:
    expectation = expected.of(known, result.name)
    return expectation.kind if expectation else "new"
