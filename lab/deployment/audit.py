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
from pathlib import Path
from typing import Any

import typer

from lab.common import paths
from lab.common.output import Terminal
from lab.common.results import Result, Verdict, exit_code, result_table
from lab.errors import LabError

VULNERABILITIES = "api.osv.dev"
"""The OSV database, which pip-audit asks."""

CONNECT_SECONDS = 5
AUDIT = paths.ENVIRONMENTS / "audit"
LOCK = paths.ROOT / "requirements" / "audit.txt"
SUPPRESSION = re.compile(r"#\s*noqa: (?P<rules>[A-Z0-9, ]*\bS\d+[A-Z0-9, ]*?)(?:\s{2,}(?P<reason>\S.*))?$")
console = Terminal()

type Found = tuple[Verdict, str]
"""Whether a check found nothing, and what it saw; UNREAD where it could not look."""


def audit() -> None:
    """Check code and dependencies for known weaknesses. Exit code 1 for findings, 3 if something was not checked."""
    found: list[Result] = []
    with Terminal(stderr=True).status("checking") as status:
        for name, check in CHECKS.items():
            status.update(name)
            verdict, seen = check()
            found.append(Result(name=name, expected="none", seen=seen, verdict=verdict))
    console.print(result_table("audit: known weaknesses", "check", found))
    raise typer.Exit(exit_code(found))


def code() -> Found:
    """Ruff's S rules over everything that is ours."""
    ruff = paths.ENVIRONMENTS / "lab" / "bin" / "ruff"
    done = _run([str(ruff), "check", "--select", "S", "--output-format", "json", "."])
    findings: list[Any] = json.loads(done.stdout or "[]")
    if findings:
        where = ", ".join(sorted({Path(result["filename"]).name for result in findings}))
        return (Verdict.REFUTED, f"{len(findings)} in {where}")
    return (Verdict.PROVED, "no finding without a reason beside it")


def suppressions() -> Found:
    """`# noqa: S...` only with words behind it."""
    bare: list[str] = []
    count = 0
    for file in _sources():
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if suppressed := SUPPRESSION.search(line):
                count += 1
                if not suppressed["reason"]:
                    bare.append(f"{file.relative_to(paths.ROOT)}:{number}")
    if bare:
        return (Verdict.REFUTED, f"without a reason: {', '.join(bare)}")
    return (Verdict.PROVED, f"{count} with reasons")


def python() -> Found:
    """Known vulnerabilities of what the lock files pin."""
    locks = [*paths.ROOT.glob("requirements/*.txt"), *paths.ROOT.glob("emulator/requirements/*.txt")]
    if not answers(VULNERABILITIES):
        return (Verdict.UNREAD, f"no answer from {VULNERABILITIES}; {len(locks)} lock files")
    command = [str(_pip_audit()), *(part for lock in sorted(locks) for part in ("--requirement", str(lock)))]
    command += ["--disable-pip", "--require-hashes"]
    done = _run([*command, "--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"])
    try:
        dependencies: list[Any] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return (Verdict.UNREAD, _last_line(done.stderr))
    skipped = [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]
    if skipped:
        return (Verdict.UNREAD, f"skipped: {', '.join(skipped)}")
    found = {
        f"{dependency['name']} {vuln['id']}" for dependency in dependencies for vuln in dependency["vulns"]
    }
    if found:
        return (Verdict.REFUTED, ", ".join(sorted(found)))
    return (Verdict.PROVED, f"{len(dependencies)} packages, none with a known vulnerability")


def node() -> Found:
    """Known vulnerabilities of the Node tools, as npm's own audit knows them."""
    npm = paths.ENVIRONMENTS / "node" / "bin" / "npm"
    done = _run([str(npm), "audit", "--prefix", str(paths.INFRA), "--omit=optional", "--json"])
    try:
        counts: dict[str, int] = json.loads(done.stdout)["metadata"]["vulnerabilities"]
    except (ValueError, KeyError):
        return (Verdict.UNREAD, f"no answer to npm audit: {_npm_error(done.stdout)}")
    if counts["total"]:
        found = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count)
        return (Verdict.REFUTED, found)
    return (Verdict.PROVED, "no known vulnerability")


CHECKS: dict[str, Callable[[], Found]] = {
    "code: ruff's security rules (bandit's)": code,
    "code: suppressed rules have a reason": suppressions,
    "Python: what the lock files pin": python,
    "Node: infra/package-lock.json": node,
}


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
