"""What became of each test of a run."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

UNENDED = "did not end"


@dataclass(frozen=True)
class Result:
    """One test: `passed`, `failed`, `skipped` or `left out`, and the first words of why."""

    suite: str
    area: str
    test: str
    outcome: str
    reason: str
    seconds: float

    @property
    def name(self) -> str:
        """The test's name over all suites."""
        return f"{self.suite}:{self.test}"

    @property
    def within(self) -> str:
        """The area's name over all suites."""
        return f"{self.suite}:{self.area}"


def read(file: Path, suite: str, area: str) -> list[Result]:
    """The results that the plugin wrote. A test that was chosen and has no outcome did not end: it failed.

    The call of a test may pass and its teardown fail: then it failed.
    """
    seen: dict[str, Result] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        result = Result(suite, area, **json.loads(line))
        if (
            result.test not in seen
            or seen[result.test].outcome != "failed"
            or seen[result.test].reason == UNENDED
        ):
            seen[result.test] = result
    return list(seen.values())


def save(folder: Path, results: list[Result]) -> None:
    """Write the results of one area, in the order of their names."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [asdict(result) for result in sorted(results, key=lambda result: result.name)]
    name = f"{results[0].suite}-{results[0].area}.json"
    (folder / name).write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")


def load(folder: Path) -> list[Result]:
    """All results that were written to a folder."""
    files = sorted(folder.glob("*.json"))
    return [Result(**entry) for file in files for entry in json.loads(file.read_text())]
