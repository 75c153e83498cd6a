"""Run one area of a suite in the suites' environment."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from recorded import engines, results
from recorded.suites import Suite

SECONDS_A_TEST = 120
"""How long a test may take: LocalStack's own wait up to 100 s for what AWS does in minutes."""
HERE = Path(__file__).parent


def area(
    suite: Suite,
    name: str,
    folder: Path,
    endpoint: str,
    *,
    log: Path,
    only: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> list[results.Result]:
    """The results of an area's recorded tests, or of those of them that are named (`only`), but those `left_out`."""
    with tempfile.TemporaryDirectory(prefix="lab-recorded-") as scratch:
        file = Path(scratch) / "results.jsonl"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            subprocess.run(
                [engines.PYTHON, *_arguments(), *(only or suite.areas[name])],
                cwd=folder / suite.name,
                env=_environment(suite, endpoint, file, Path(scratch))
                | {"RECORDED_LEFT_OUT": json.dumps(left_out)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
        return results.read(file, suite.name, name)


def _arguments() -> list[str]:
    return [
        *("-m", "pytest", "-q", "-p", "plugin", "-p", "no:cacheprovider", "--tb=short"),
        *("--color=no", "--show-capture=no", f"--timeout={SECONDS_A_TEST}"),
    ]


def _environment(suite: Suite, endpoint: str, file: Path, scratch: Path) -> dict[str, str]:
    """The suite's whole environment: no credentials of the user's, no endpoint but the engine's."""
    at = urlsplit(endpoint).netloc
    node = engines.ENVIRONMENTS / "node" / "bin"
    return {
        "PATH": f"{node}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "GATEWAY_LISTEN": at,
        "LOCALSTACK_HOST": at,
        "RECORDED_MARK": suite.mark,
        "RECORDED_RESULTS": str(file),
        "RECORDED_ENDPOINT": endpoint,
    } | {key: value.format(endpoint=endpoint) for key, value in suite.environment.items()}
