"""Run suites recorded on AWS against an engine, and say what did not end as expected.

make test-recorded SUITES=~/suites [AREAS="sqs sns"] [AGAINST=stock|http://127.0.0.1:4566]
"""

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from recorded import engines, environment, expected, results, run, suites, table
from recorded.results import Result
from recorded.suites import Suite
from recorded.verdict import Verdict, judge
from support.engines import EngineWith

EMULATOR = Path(__file__).resolve().parents[1]
WRITTEN = Path(os.environ.get("LAB_RECORDED", EMULATOR.parent / ".lab" / "recorded"))


def main() -> int:
    """Exit code 0 if every test ended as expected, 1 if not, 2 if nothing could be run."""
    asked = _arguments()
    chosen = [
        (suite, area)
        for suite in suites.found(asked.suites)
        for area in suite.areas
        if not asked.areas or area in asked.areas
    ]
    if not chosen:
        print(
            f"error: no suite or area found in {asked.suites}\n  fix: fetch them as {EMULATOR}/recorded/README.md says"
        )
        return 2
    environment.make()
    known = {} if asked.against == engines.STOCK else expected.read()
    new = [result for suite, area in chosen for result in _run(asked, suite, area, known)]
    stock = [] if asked.against == engines.STOCK else results.load(WRITTEN / engines.STOCK)
    print(table.markdown(new, known, stock))
    if asked.against == engines.STOCK:
        return 0
    verdict = judge(new, known, {f"{suite.name}:{area}" for suite, area in chosen}, stock)
    _write(WRITTEN / _folder(asked.against), known, stock)
    _tell(verdict, new)
    return 0 if verdict.green else 1


def _run(
    asked: argparse.Namespace, suite: Suite, area: str, known: dict[str, expected.Expectation]
) -> list[Result]:
    """The results of an area. What ends as the list does not say is run a second time, and the second result counts."""
    folder = WRITTEN / _folder(asked.against)
    log = folder / f"{suite.name}-{area}.log"
    first = _once(asked, suite, area, log, ())
    if asked.against == engines.STOCK:
        final = first
    else:
        again = judge(first, known, ()).again()
        second = _once(asked, suite, area, log.with_suffix(".again.log"), again) if again else []
        final = list(({r.name: r for r in first} | {r.name: r for r in second}).values())
    if final:
        results.save(folder, final)
    counts = ", ".join(f"{sum(r.outcome == o for r in final)} {o}" for o in ("passed", "failed", "skipped"))
    print(f"{suite.name} {area}: {counts}, {sum(r.seconds for r in final):.0f} s", flush=True)
    return final


def _once(
    asked: argparse.Namespace, suite: Suite, area: str, log: Path, again: Iterable[str]
) -> list[Result]:
    engine = engines.engine(asked.against)
    if isinstance(engine, EngineWith):
        engine.up()
    try:
        only = [name.split(":", 1)[1] for name in again]
        return run.area(suite, area, asked.suites, engine.endpoint, log=log, only=only)
    finally:
        if isinstance(engine, EngineWith):
            log.with_suffix(".engine.log").write_bytes(engine.log.read_bytes())
            engine.down()


def _write(folder: Path, known: dict[str, expected.Expectation], stock: list[Result]) -> None:
    """The table and the reasons of all areas that were ever run against this engine."""
    everything = results.load(folder)
    (folder / "table.md").write_text(
        f"{table.markdown(everything, known, stock)}\n{table.reasons(everything, known)}"
    )
    print(f"all runs: {folder / 'table.md'}")


def _tell(verdict: Verdict, new: list[Result]) -> None:
    reasons = {result.name: result.reason for result in new}
    for what, names in vars(verdict).items():
        for name in names:
            print(f"{what.replace('_', ' ')}: {name}\n    {reasons.get(name, '')}")
    print("as expected" if verdict.green else "NOT as expected")


def _folder(against: str) -> str:
    return against if against in (engines.OURS, engines.STOCK) else "given"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="recorded", description=__doc__)
    parser.add_argument("suites", type=Path, help="the folder that the suites were fetched into")
    parser.add_argument(
        "--against", default=engines.OURS, help="ours, stock, or the URL of an engine that runs"
    )
    parser.add_argument("--areas", nargs="*", default=[], help="only these")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
