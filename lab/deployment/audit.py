"""`lab audit`: what can be checked about the security of code and dependencies, and what could not be checked here.

Code is checked on this machine. Known vulnerabilities are looked up in databases on the internet; where these do not
answer, nothing is known, which is never a pass: exit code 1 for findings, 3 where something was not checked.
"""

import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from lab.common import paths
from lab.common.output import Terminal
from lab.errors import LabError

VULNERABILITIES = "api.osv.dev"
"""The OSV database, which pip-audit asks."""

CODE = "code: ruff's security rules (bandit's)"
SUPPRESSIONS = "code: suppressed rules have a reason"
PYTHON = "Python: what the lock files pin"
NODE = "Node: infra/package-lock.json"

CONNECT_SECONDS = 5
NOT_CHECKED = 3
AUDIT = paths.ENVIRONMENTS / "audit"
LOCK = paths.ROOT / "requirements" / "audit.txt"
SUPPRESSION = re.compile(r"#\s*noqa: (?P<rules>[A-Z0-9, ]*\bS\d+[A-Z0-9, ]*?)(?:\s{2,}(?P<reason>\S.*))?$")
console = Terminal()


class Result(StrEnum):
    """How a check ended."""

    CLEAN = "clean"
    FINDINGS = "FINDINGS"
    NOT_CHECKED = "not checked here"


@dataclass(frozen=True)
class Check:
    """One check: its name, how it ended, and what it saw."""

    name: str
    result: Result
    seen: str


def audit() -> None:
    """Check code and dependencies for known weaknesses. Exit code 1 for findings, 3 if something was not checked."""
    table = Table(title="audit", title_justify="left")
    for column in ("check", "result", "seen"):
        table.add_column(column, overflow="fold")
    found: list[Check] = []
    with Terminal(stderr=True).status("checking") as status:
        for name, check in checks():
            status.update(name)
            found.append(check())
    for one in found:
        table.add_row(one.name, one.result, one.seen)
    console.print(table)
    raise typer.Exit(verdict(found))


def verdict(found: Sequence[Check]) -> int:
    """The exit code: findings weigh more than what was not checked."""
    results = {check.result for check in found}
    return 1 if Result.FINDINGS in results else NOT_CHECKED if Result.NOT_CHECKED in results else 0


def checks() -> Iterator[tuple[str, Callable[[], Check]]]:
    """Every check by its name."""
    yield CODE, code
    yield SUPPRESSIONS, suppressions
    yield PYTHON, python
    yield NODE, node


def code() -> Check:
    """Ruff's S rules over everything that is ours."""
    name = CODE
    ruff = paths.ENVIRONMENTS / "lab" / "bin" / "ruff"
    done = _run([str(ruff), "check", "--select", "S", "--output-format", "json", "."])
    findings: list[Any] = json.loads(done.stdout or "[]")
    if findings:
        where = ", ".join(sorted({Path(result["filename"]).name for result in findings}))
        return Check(name, Result.FINDINGS, f"{len(findings)} in {where}")
    return Check(name, Result.CLEAN, "no finding without a reason beside it")


def suppressions() -> Check:
    """`# noqa: S...` only with words behind it."""
    name = SUPPRESSIONS
    bare: list[str] = []
    count = 0
    for file in _sources():
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if suppressed := SUPPRESSION.search(line):
                count += 1
                if not suppressed["reason"]:
                    bare.append(f"{file.relative_to(paths.ROOT)}:{number}")
    if bare:
        return Check(name, Result.FINDINGS, f"without a reason: {', '.join(bare)}")
    return Check(name, Result.CLEAN, f"{count} with reasons")


def python() -> Check:
    """Known vulnerabilities of what the lock files pin."""
    name, locks = (
        PYTHON,
        sorted([*paths.ROOT.glob("requirements/*.txt"), *paths.ROOT.glob("emulator/requirements/*.txt")]),
    )
    if not answers(VULNERABILITIES):
        return Check(name, Result.NOT_CHECKED, f"no answer from {VULNERABILITIES}; {len(locks)} lock files")
    command = [str(_pip_audit()), *(part for lock in locks for part in ("--requirement", str(lock)))]
    command += ["--disable-pip", "--require-hashes"]
    done = _run([*command, "--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"])
    try:
        dependencies: list[Any] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return Check(name, Result.NOT_CHECKED, _last_line(done.stderr))
    skipped = [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]
    if skipped:
        return Check(name, Result.NOT_CHECKED, f"skipped: {', '.join(skipped)}")
    found = {
        f"{dependency['name']} {vuln['id']}" for dependency in dependencies for vuln in dependency["vulns"]
    }
    if found:
        return Check(name, Result.FINDINGS, ", ".join(sorted(found)))
    return Check(name, Result.CLEAN, f"{len(dependencies)} packages, none with a known vulnerability")


def node() -> Check:
    """Known vulnerabilities of the Node tools, as npm's own audit knows them."""
    name = NODE
    npm = paths.ENVIRONMENTS / "node" / "bin" / "npm"
    done = _run([str(npm), "audit", "--prefix", str(paths.INFRA), "--omit=optional", "--json"])
    try:
        counts: dict[str, int] = json.loads(done.stdout)["metadata"]["vulnerabilities"]
    except (ValueError, KeyError):
        return Check(name, Result.NOT_CHECKED, f"no answer to npm audit: {_npm_error(done.stdout)}")
    if counts["total"]:
        found = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
        return Check(name, Result.FINDINGS, found)
    return Check(name, Result.CLEAN, "no known vulnerability")


def answers(host: str) -> bool:
    """Whether a host takes a connection."""
    try:
        with socket.create_connection((host, 443), CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _pip_audit() -> Path:
    """The command, in an environment of its own that is made at its first use."""
    uv, command, stamp = paths.ENVIRONMENTS / "uv" / "bin" / "uv", AUDIT / "bin" / "pip-audit", AUDIT / "lock"
    if not command.exists() or not stamp.exists() or stamp.read_text() != LOCK.read_text():
        lab_python = paths.ENVIRONMENTS / "lab" / "bin" / "python"
        for arguments in (
            ["venv", "--quiet", "--clear", "--python", str(lab_python), str(AUDIT)],
            [
                "pip",
                "sync",
                "--quiet",
                "--python",
                str(AUDIT / "bin" / "python"),
                "--require-hashes",
                str(LOCK),
            ],
        ):
            done = _run([str(uv), *arguments])
            if done.returncode:
                raise LabError(
                    "pip-audit could not be installed.", "Check that PyPI can be reached.", done.stderr
                )
        stamp.write_text(LOCK.read_text())
    return command


def _sources() -> Iterator[Path]:
    """Python files of the project, those of the environments under .lab aside."""
    listed = _run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"])
    return (paths.ROOT / line for line in listed.stdout.splitlines())


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    path = {"PATH": f"{paths.ENVIRONMENTS / 'node' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run(  # noqa: S603  the lab's own command lines
        command, cwd=paths.ROOT, env=os.environ | path, capture_output=True, text=True, check=False
    )


def _npm_error(text: str) -> str:
    """What npm says went wrong, without the address of whose registry it asked."""
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError:
        return "no reason given"
    return str(document.get("error", {}).get("code") or document.get("statusCode") or "no reason given")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
