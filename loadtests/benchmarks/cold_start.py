"""What a cold start of each function takes: the bundle's size, and what its handler imports.

    python -m loadtests.benchmarks.cold_start

Each import runs in a fresh interpreter that sees the bundle and what Lambda's runtime offers, nothing else, and
takes its bytecode from there, as a cold start does. Processor time is the least of several runs.
"""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from infra.bundles import MANIFEST, ROOT, Target, build
from infra.settings import host_architecture
from lab.cli import run
from lab.common.output import Terminal
from lab.errors import LabError
from loadtests.benchmarks import markdown

RUNTIME = ROOT / ".lab" / "env" / "runtime"
HANDLERS = {name: f"functions.{name}.handler" for name in MANIFEST} | {
    "authorizer": "functions.redrive.authorizer",
    "valve": "functions.pauser.handler",
}
_IMPORT = """
import json, sys, time
sys.path[:0] = sys.argv[2:]
before, began = set(sys.modules), time.process_time()
__import__(sys.argv[1])
took = (time.process_time() - began) * 1000
print(json.dumps({"milliseconds": took, "modules": sorted(set(sys.modules) - before)}))
"""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class ColdStart:
    """One function: bytes of its zip, and modules and processor time in milliseconds of its handler's import."""

    function: str
    zipped: int
    milliseconds: float
    modules: tuple[str, ...]


@app.command(help=__doc__)
def cold_start(
    runs: Annotated[int, typer.Option(min=1, help="Imports of each handler.")] = 5,
) -> None:
    """Measure and print a Markdown table."""
    rows = [("function", "bundle, KB", "modules imported", "import, ms"), ("---", "---:", "---:", "---:")]
    rows += [
        (start.function, f"{start.zipped / 1024:.0f}", f"{len(start.modules)}", f"{start.milliseconds:.0f}")
        for start in measure(runs)
    ]
    Terminal().say(markdown.table(rows))


def measure(runs: int) -> Iterator[ColdStart]:
    """Every function's cold start. Raises LabError where a handler cannot be imported."""
    for function in MANIFEST:
        bundle = build(function, Target("host", host_architecture())).path
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(bundle) as archive:
                archive.extractall(folder)
            found = [imported(function, Path(folder)) for _ in range(runs)]
        least = min(milliseconds for milliseconds, _ in found)
        yield ColdStart(function, bundle.stat().st_size, least, found[0][1])


def imported(function: str, unpacked: Path) -> tuple[float, tuple[str, ...]]:
    """Milliseconds and modules of one import of the function's handler."""
    variables = {"POWERTOOLS_SERVICE_NAME": function}
    done = in_bundle(_IMPORT, function, HANDLERS[function], unpacked, variables)
    if done.returncode:
        raise LabError(
            f"{HANDLERS[function]} cannot be imported: {done.stderr.strip().splitlines()[-1]}",
            "Correct MANIFEST in infra/bundles.py",
        )
    said = json.loads(done.stdout)
    return said["milliseconds"], tuple(said["modules"])


def in_bundle(
    script: str, function: str, handler: str, unpacked: Path, variables: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a script in an interpreter that can import the bundle and the runtime, in this order, and nothing else.

    The script finds the handler's name in `sys.argv[1]` and both folders behind it.
    """
    command = [sys.executable, "-I", "-B", "-S", "-c", script, handler, str(unpacked), str(RUNTIME)]
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"AWS_LAMBDA_FUNCTION_NAME": function, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  the lab's own interpreter


if __name__ == "__main__":
    sys.exit(run(app))
