"""Run suites recorded on AWS against an engine, and say what did not end as expected.

make test-recorded SUITES=~/suites [AREAS="sqs sns"] [AGAINST=stock|http://127.0.0.1:4566]
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recorded import engines, environment, expected, results, run, suites, table
from recorded.expected import Expectation
from recorded.results import Result
from recorded.suites import Suite
from recorded.verdict import Verdict, judge
from support.engines import EngineWith

HERE = Path(__file__).resolve().parent
WRITTEN = Path(os.environ.get("LAB_RECORDED", HERE.parents[1] / ".lab" / "recorded"))


def main() -> int:
    """Exit code 0 if every test ended as expected, 1 if not, 2 if there is nothing to run."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that an engine of its own is stopped
    chosen = [
        (suite, area)
        for suite in suites.found(asked.suites)
        for area in suite.areas
        if not asked.areas or area in asked.areas
    ]
    if not chosen:
        print(
            f"error: {asked.suites} holds no suite with such an area\n  fix: fetch it, see {HERE}/README.md"
        )
        return 2
    environment.make()
    campaign = Campaign(asked.against, asked.suites, expected.read())
    ran = [result for suite, area in chosen for result in campaign.area(suite, area)]
    stock = results.load(WRITTEN / engines.STOCK)
    print(campaign.summary(ran, stock))
    if asked.against == engines.STOCK:
        return 0
    verdict = judge(ran, campaign.known, {f"{suite.name}:{area}" for suite, area in chosen}, stock)
    print(_told(verdict, ran))
    return 0 if verdict.green else 1


@dataclass(frozen=True)
class Campaign:
    """Suites of a folder against one engine: `ours`, `stock`, or one at a URL."""

    against: str
    suites: Path
    known: Mapping[str, Expectation]

    @property
    def folder(self) -> Path:
        """Where its results and logs are."""
        return WRITTEN / (self.against if self.against in (engines.OURS, engines.STOCK) else "given")

    def area(self, suite: Suite, area: str) -> list[Result]:
        """The results of an area. What ends as the list does not say is run again, and the second result counts.

        Of the stock engine nothing is expected: what it fails is run again.
        """
        first = self._once(suite, area)
        if self.against == engines.STOCK:
            again = [result.name for result in first if result.outcome == "failed"]
        else:
            again = judge(first, self.known, ()).again()
        second = self._once(suite, area, again) if again else []
        final = list(({r.name: r for r in first} | {r.name: r for r in second}).values())
        if final:
            results.save(self.folder, final)
        counts = (
            f"{sum(r.outcome == o for r in final)} {o}" for o in ("passed", "failed", "skipped", "left out")
        )
        print(f"{suite.name} {area}: {', '.join(counts)}, {sum(r.seconds for r in final):.0f} s", flush=True)
        return final

    def summary(self, ran: list[Result], stock: list[Result]) -> str:
        """The table of what ran now; that of all areas that ever ran, with reasons, is written beside the results."""
        if self.against == engines.STOCK:
            return table.markdown(ran, {}, ())
        everything = results.load(self.folder)
        file = self.folder / "table.md"
        file.write_text(
            f"{table.markdown(everything, self.known, stock)}\n{table.reasons(everything, self.known)}"
        )
        return f"{table.markdown(ran, self.known, stock)}\nall areas, with reasons: {file}"

    def _once(self, suite: Suite, area: str, again: Sequence[str] = ()) -> list[Result]:
        log = self.folder / f"{suite.name}-{area}{'.again' if again else ''}.log"
        only = [name.removeprefix(f"{suite.name}:") for name in again]
        left_out = expected.left_out(self.known, suite.name)
        engine = engines.engine(self.against)
        if isinstance(engine, EngineWith):
            engine.up()
        try:
            return run.area(suite, area, self.suites, engine.endpoint, log=log, only=only, left_out=left_out)
        finally:
            if isinstance(engine, EngineWith):
                log.with_suffix(".engine.log").write_bytes(engine.log.read_bytes())
                engine.down()


def _told(verdict: Verdict, ran: list[Result]) -> str:
    reasons = {result.name: result.reason for result in ran}
    lines = [
        f"{what.replace('_', ' ')}: {name}\n    {reasons.get(name, '')}"
        for what, names in vars(verdict).items()
        for name in names
    ]
    return "\n".join([*lines, "as expected" if verdict.green else "NOT as expected"])


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
