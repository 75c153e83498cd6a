"""Whether a run ended as expected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recorded import expected
from recorded.expected import Expectation
from recorded.results import Result


@dataclass(frozen=True)
class Verdict:
    """What is not as expected, by the tests' names. All empty is green."""

    new_failures: tuple[str, ...]
    new_passes: tuple[str, ...]
    """Expected to fail, and passed: the list is older than the engine."""
    unknown: tuple[str, ...]
    """On the list, and no test of the files that ran."""
    worse: tuple[str, ...]
    """Failed here and passed on the stock engine, and not for a rule that AWS has and stock lacks."""
    empty: tuple[str, ...]
    """Areas asked of which no test passed or failed: nothing was shown."""

    @property
    def green(self) -> bool:
        """Whether everything ended as expected."""
        return not any(vars(self).values())

    def again(self) -> tuple[str, ...]:
        """The tests to run a second time before they are called unexpected."""
        return (*self.new_failures, *self.new_passes)


def judge(
    results: Iterable[Result],
    known: Mapping[str, Expectation],
    areas: Iterable[str],
    stock: Iterable[Result] = (),
) -> Verdict:
    """Hold results against the list and, where the stock engine was asked, against its results.

    `areas` are those that were asked, as `suite:area`: one whose tests did not run would be green otherwise.
    """
    results = list(results)
    on_stock = {result.name for result in stock if result.outcome == "passed"}
    failed = [result.name for result in results if result.outcome == "failed"]
    passed = [result.name for result in results if result.outcome == "passed"]
    kind = {result.name: _kind(known, result.name) for result in results}
    return Verdict(
        new_failures=tuple(name for name in failed if kind[name] is None),
        new_passes=tuple(name for name in passed if kind[name] not in (None, "unsteady")),
        unknown=_unknown(results, known),
        worse=tuple(name for name in failed if name in on_stock and kind[name] not in ("rule", "unsteady")),
        empty=tuple(
            sorted(
                set(areas) - {result.within for result in results if result.outcome in ("passed", "failed")}
            )
        ),
    )


def _kind(known: Mapping[str, Expectation], name: str) -> str | None:
    expectation = expected.of(known, name)
    return expectation.kind if expectation else None


def _unknown(results: list[Result], known: Mapping[str, Expectation]) -> tuple[str, ...]:
    names = {result.name for result in results}
    names |= {expected.without_parameters(name) for name in names}
    files = {name.split("::", 1)[0] for name in names}
    return tuple(name for name in known if name.split("::", 1)[0] in files and name not in names)
