"""`lab support`: what a bug report needs, in one file."""

import json
import os
import platform
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from lab import engines
from lab.commands.doctor import deployed
from lab.commands.options import Env, Port, say
from lab.common import paths
from lab.common.redact import redacted, secrets_of
from lab.engines.doctor import examine

LOG_LINES = 1000
REPORT_FILES = (".json", ".xml", ".html")
"""Of a run's report; its history is left out, whose size has no limit."""
LARGEST_BYTES = 4 * 1024**2
SETTINGS = (
    "LAB_",
    "ENGINE",
    "ENV",
    "LOCALSTACK_",
    "UV_",
    "PIP_",
    "npm_config_",
    "NODE_",
    "SSL_",
    "DOCKER_",
    "PYTHON",
)
PACKAGES = ("localstack-core", "moto-ext", "aws-cdk-lib", "aws-lambda-powertools", "boto3", "locust")


def support(
    file: Annotated[
        Path | None, typer.Argument(help="The zip to write; without: .lab/support-TIME.zip.")
    ] = None,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Write a zip for a bug report: versions, doctor, logs' ends, last report, settings. Secrets are taken out."""
    moment = datetime.now(UTC)
    target = file or paths.LAB / f"support-{moment:%Y%m%d-%H%M%S}.zip"
    secrets = secrets_of(os.environ)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents(port, env, os.environ):
            archive.writestr(name, redacted(text, secrets))
            say(f"  {name}")
    say(f"written: {target}")
    say("Secrets were taken out as far as they can be told; look through it before you send it.")


def contents(port: int, env: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names and texts of what is written, as they are on this machine."""
    yield "versions.json", _json(versions())
    yield "settings.json", _json(settings(environ))
    findings = [*examine(port, environ.get("ENGINE")), *deployed(port, env)]
    yield "doctor.json", _json([finding.document for finding in findings])
    engine = engines.present(port)
    yield "engine.txt", f"{engine.kind} {engine.status()}\n"
    yield "engine.log", engine.last_log_lines(LOG_LINES)
    for name, path in (
        ("engine-before.log", paths.ENGINES / str(port) / "engine.log.1"),
        ("setup.log", paths.ENVIRONMENTS / "setup.log"),
        ("setup-node.log", paths.ENVIRONMENTS / "setup-node.log"),
    ):
        if path.exists():
            yield name, "\n".join(path.read_text(errors="replace").splitlines()[-LOG_LINES:])
    for path in last_report(paths.REPORTS):
        yield f"report/{path.parent.name}/{path.name}", path.read_text(errors="replace")


def versions() -> dict[str, str]:
    """What the lab is made of here."""
    programs = {
        "commit": ("git", "describe", "--always", "--dirty"),
        "node": (str(paths.ENVIRONMENTS / "node/bin/node"), "--version"),
        "uv": (str(paths.ENVIRONMENTS / "uv/bin/uv"), "--version"),
        "docker": ("docker", "--version"),
        "engine": (str(paths.ENGINE_PYTHON), "-c", _engines_packages()),
    }
    made = {name: _said(*command) for name, command in programs.items()}
    own = {name: metadata.version(name) for name in PACKAGES if _installed(name)}
    return {"lab": metadata.version("event-driven-ingestion-lab"), **made, **own} | {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": str(os.cpu_count()),
    }


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that make a difference to the lab."""
    return {
        name: value
        for name, value in sorted(environ.items())
        if name.startswith(SETTINGS) or name.lower().endswith("_proxy")
    }


def last_report(reports: Path) -> list[Path]:
    """The files of the latest run's report; none where there is none."""
    runs = [run for run in reports.glob("*/") if any(run.iterdir())]
    if not runs:
        return []
    latest = max(runs, key=lambda run: run.stat().st_mtime)
    return [
        file
        for file in sorted(latest.iterdir())
        if file.suffix in REPORT_FILES and file.stat().st_size <= LARGEST_BYTES
    ]


def _engines_packages() -> str:
    return (
        "from importlib import metadata; "
        f"print(*(f'{{d.name}}=={{d.version}}' for d in metadata.distributions() if d.name in {PACKAGES!r}))"
    )


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def _said(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  fixed command lines
            command, cwd=paths.ROOT, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"none: {error}"
    return done.stdout.strip() or f"exit code {done.returncode}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2)
