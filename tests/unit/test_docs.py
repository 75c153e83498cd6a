"""Documents are true: every relative link leads somewhere, every command they name exists."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from lab.cli import app
from lab.common import paths

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```\w*\n.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
MAKE = re.compile(r"(?:^|[\s;&(])make((?:\s+(?:[A-Z_]+=\S*|[a-z][a-z-]*))+)")
LAB = re.compile(r"(?:^|[\s;&(])(?:lab|\$lab|\S*python -m lab)((?:\s+[a-z][a-z-]*)+)")


PLACE = re.compile(r"\[[^\]]+\]\(([^)]+\.py)\) `([\w.]+)`")
"""A file and what it defines, such as [ledger.py](../lab/pipeline/ledger.py) `settle`."""


def places(file: Path) -> set[str]:
    """Functions, classes and methods of a module, such as `settle` and `Ledger.row`."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found.update(
                f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            )
    return found


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stdout
    return [paths.ROOT / name for name in listed.splitlines() if (paths.ROOT / name).exists()]


def commands(document: Path) -> list[str]:
    """Lines of code blocks and code within sentences, where commands stand."""
    text = document.read_text()
    fenced = [line for block in FENCE.findall(text) for line in block.splitlines()[1:-1]]
    return fenced + CODE.findall(FENCE.sub("", text))


def named(document: Path) -> str:
    return document.relative_to(paths.ROOT).as_posix()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (paths.ROOT / "Makefile").read_text(), re.MULTILINE))


def unknown(words: list[str], command: Any) -> str | None:
    """The first word that should be a subcommand and is none; what follows a command is its own affair."""
    for word in words:
        subcommands: dict[str, Any] = getattr(command, "commands", {})
        if not subcommands:
            return None
        if word not in subcommands:
            return word
        command = subcommands[word]
    return None


@pytest.mark.parametrize("document", documents(), ids=named)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    links = [link for link in LINK.findall(document.read_text()) if not re.match(r"[a-z]+:|#", link)]
    missing = [link for link in links if not (document.parent / link.partition("#")[0]).exists()]
    assert missing == []


@pytest.mark.parametrize(("file", "name"), PLACE.findall((paths.ROOT / "docs/architecture.md").read_text()))
def test_every_place_in_the_code_that_the_architecture_names_exists(file: str, name: str) -> None:
    assert name in places(paths.ROOT / "docs" / file)


@pytest.mark.parametrize("document", documents(), ids=named)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    wanted = {
        word
        for line in commands(document)
        for arguments in MAKE.findall(line.partition(" #")[0])
        for word in arguments.split()
        if "=" not in word
    }
    assert wanted - targets() == set()


@pytest.mark.parametrize("document", documents(), ids=named)
def test_every_lab_command_that_is_named_exists(document: Path) -> None:
    root = typer.main.get_command(app)
    wrong = {
        f"lab {' '.join(words)}"
        for line in commands(document)
        for arguments in LAB.findall(line.partition(" #")[0])
        if unknown(words := arguments.split(), root)
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("line", "wrong"), [("lab trace X", None), ("lab trase X", "trase"), ("lab dlq lst", "lst")]
)
def test_a_command_that_does_not_exist_is_noticed(line: str, wrong: str | None) -> None:
    (arguments,) = LAB.findall(line)
    assert unknown(arguments.split(), typer.main.get_command(app)) == wrong


def test_the_list_of_targets_is_grouped_and_fits_eighty_columns() -> None:
    listed = subprocess.run(
        ["make", "--silent", "--no-print-directory", "help"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    groups = [line for line in listed if line and not line.startswith(" ")]
    assert groups == ["Start", "Break", "Watch", "Repair", "Load", "AWS", "Develop"]
    assert [line for line in listed if len(line) > 80] == []
