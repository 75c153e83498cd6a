"""How long the first minutes take: from `git clone` to a finished story, `make up`, `make deploy-local`.

Usage: python -m loadtests.benchmarks.first_minutes [COMMIT ...]   (default: HEAD; several are measured in turn)

Each commit gets clones and caches of its own, so that the first is cold; nothing else should be at work. Processor time
is that of what each command waited for, so without the engine's.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from lab.common import paths
from lab.engines import ports
from loadtests.benchmarks.markdown import table

OF_CACHES = (
    "UV_CACHE_DIR",
    "PIP_CACHE_DIR",
    "npm_config_cache",
    "XDG_CACHE_HOME",
    "LAB_PORT",
    "MAKEFLAGS",
    "MAKELEVEL",
)


def main() -> int:
    """Measure each commit and print one table; ends with its output where a command fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commits", nargs="*", default=["HEAD"])
    columns = {commit: dict(measured(commit)) for commit in parser.parse_args().commits}
    steps = list(next(iter(columns.values())))
    rows = [[step, *(figures[step] for figures in columns.values())] for step in steps]
    head = ["seconds: wall / processor", *columns]
    print(table([head, ["---", *("---:" for _ in columns)], *rows]))  # noqa: T201
    return 0


def measured(commit: str) -> Iterator[tuple[str, str]]:
    """Steps and figures of one commit, in folders that are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="first-minutes-") as scratch:
        home, first, second = (Path(scratch) / name for name in ("home", "first", "second"))
        home.mkdir()
        environment = {name: value for name, value in os.environ.items() if name not in OF_CACHES}
        environment |= {"HOME": str(home), "ENGINE": "host", "LAB_PORT": str(ports.free())}
        environment["PYTHON"] = shutil.which("python3.13", path=f"{sys.base_prefix}/bin") or sys.executable
        try:
            yield "clone to story, caches empty", cloned(commit, first, environment)
            run(first, environment, "down")
            yield "clone to story, caches full", cloned(commit, second, environment)
            run(second, environment, "down")
            yield "make demo, environments there", run(second, environment, "demo")
            run(second, environment, "down")
            yield "make up", run(second, environment, "up")
            yield "make deploy-local", run(second, environment, "deploy-local")
            yield "make deploy-local, nothing changed", run(second, environment, "deploy-local")
        finally:
            for clone in filter(Path.exists, (first, second)):
                run(clone, environment, "down")


def cloned(commit: str, clone: Path, environment: dict[str, str]) -> str:
    """The figures of a clone and its demo."""
    begun = clocks()
    at = call(paths.ROOT, environment, "git", "rev-parse", commit).strip()
    call(paths.ROOT, environment, "git", "clone", "--quiet", str(paths.ROOT), str(clone))
    call(clone, environment, "git", "checkout", "--quiet", at)
    call(clone, environment, "make", "demo")
    return since(begun)


def run(clone: Path, environment: dict[str, str], target: str) -> str:
    """The figures of a target of make."""
    begun = clocks()
    call(clone, environment, "make", target)
    return since(begun)


def call(folder: Path, environment: dict[str, str], *command: str) -> str:
    """What a command prints; ends the program with it where it fails."""
    done = subprocess.run(  # noqa: S603  fixed command lines
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {folder} failed:\n{(done.stdout + done.stderr)[-5000:]}")
    return done.stdout


def clocks() -> tuple[float, float]:
    """Now, and the processor time of all children that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic(), used.ru_utime + used.ru_stime


def since(begun: tuple[float, float]) -> str:
    """Wall and processor time since then."""
    wall, processor = (now - then for now, then in zip(clocks(), begun, strict=True))
    return f"{wall:.1f} / {processor:.1f}"


if __name__ == "__main__":
    sys.exit(main())
