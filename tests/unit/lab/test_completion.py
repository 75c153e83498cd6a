"""A shell completes commands, options and names: bash is asked itself, zsh's answers by its protocol."""

import os
import subprocess
import sys

import pytest

from lab.common import paths
from lab.faults.catalogue import FAULTS
from lab.games.gameday import GAMEDAYS
from lab.scenario.catalog import names

LAB = f"{sys.prefix}/bin/lab"
IN_BASH = """
PATH=$1:$PATH
source <(lab --show-completion)
read -ra COMP_WORDS <<<"$2"
[[ $2 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_lab_completion lab
printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(line: str) -> list[str]:
    """What bash offers at the end of a line."""
    command = ["bash", "--norc", "-c", IN_BASH, "bash", f"{sys.prefix}/bin", line]
    told = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    return told.stdout.split()


def zsh(line: str) -> str:
    """What zsh's script is answered, which it evaluates."""
    asked = os.environ | {"_LAB_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": line}
    told = subprocess.run([LAB], cwd=paths.ROOT, env=asked, capture_output=True, text=True, check=True)
    assert told.stderr == ""
    return told.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lab scen", ["scenario"]),
        ("lab dlq re", ["redrive"]),
        ("lab dlq redrive --canar", ["--canaries"]),
        ("lab scenario run poison", ["poison-payload"]),
        ("lab gameday run ", list(GAMEDAYS)),
        ("lab mode slow", [name for name in FAULTS if name.startswith("slow_")]),
    ],
)
def test_bash_completes_commands_options_and_names(line: str, offered: list[str]) -> None:
    assert bash(line) == offered


def test_zsh_is_offered_each_scenario_of_that_beginning_and_no_other() -> None:
    told = zsh("lab scenario run re")
    assert [name for name in names() if f'"{name}"' in told] == [
        name for name in names() if name.startswith("re")
    ]


def test_zsh_has_its_script() -> None:
    asked = os.environ | {"_LAB_COMPLETE": "source_zsh"}
    script = subprocess.run([LAB], env=asked, capture_output=True, text=True, check=True).stdout
    assert script.lstrip().startswith("#compdef lab")
    assert "_LAB_COMPLETE=complete_zsh" in script
