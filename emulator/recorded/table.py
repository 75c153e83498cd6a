"""The results of a run as a table: what passed, what did not and why, beside a stock engine."""

from collections import Counter
from collections.abc import Iterable, Mapping

from recorded import expected
from recorded.expected import Expectation
from recorded.results import Result

_HEAD = (
    "| suite | area | recorded | skipped | noise, stricter | passed | not served | differs | share "
    "| stock passed | worse than stock |"
)
_RULE = "| --- | --- |" + " ---: |" * 9


def markdown(results: Iterable[Result], known: Mapping[str, Expectation], stock: Iterable[Result]) -> str:
    """One row for each area.

    `share`: those that passed, of the recorded tests that were neither skipped nor noise nor a rule that stock lacks.
    """
    by_area: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_area.setdefault((result.suite, result.area), []).append(result)
    on_stock = {result.name: result.outcome for result in stock}
    rows = [_row(*area, inside, known, on_stock) for area, inside in by_area.items()]
    return "\n".join([_HEAD, _RULE, *rows]) + "\n"


def reasons(results: Iterable[Result], known: Mapping[str, Expectation]) -> str:
    """Every failure under its reason, the listed reasons before the unlisted failures."""
    grouped: dict[str, list[str]] = {}
    for result in sorted(results, key=lambda result: result.name):
        if result.outcome == "failed":
            expectation = expected.of(known, result.name)
            reason = f"{expectation.kind}: {expectation.reason}" if expectation else "NEW"
            shown = result.name if expectation else f"{result.name}\n  {result.reason}"
            grouped.setdefault(reason, []).append(shown)
    return "\n".join(
        f"{reason} ({len(names)})\n" + "".join(f"- {name}\n" for name in names)
        for reason, names in sorted(grouped.items(), key=lambda pair: pair[0] == "NEW")
    )


def _row(
    suite: str,
    area: str,
    results: list[Result],
    known: Mapping[str, Expectation],
    on_stock: Mapping[str, str],
) -> str:
    kinds = Counter(_kind(known, result) for result in results if result.outcome == "failed")
    passed = sum(result.outcome == "passed" for result in results)
    skipped = sum(result.outcome == "skipped" for result in results)
    aside = kinds["noise"] + kinds["stricter"]
    judged = len(results) - skipped - aside
    there = [on_stock[result.name] for result in results if result.name in on_stock]
    worse = sum(
        result.outcome == "failed"
        and on_stock.get(result.name) == "passed"
        and _kind(known, result) not in ("stricter", "unsteady")
        for result in results
    )
    cells = (
        suite,
        area,
        len(results),
        skipped,
        aside,
        passed,
        kinds["not served"],
        kinds["differs"] + kinds["unsteady"] + kinds["NEW"],
        f"{100 * passed / judged:.1f} %" if judged else "-",
        there.count("passed") if there else "-",
        worse if there else "-",
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _kind(known: Mapping[str, Expectation], result: Result) -> str:
    expectation = expected.of(known, result.name)
    return expectation.kind if expectation else "NEW"
