"""Who is at the keyboard, as audit rows and operations name them."""

import getpass
import os
import subprocess
from functools import cache

VARIABLE = "LAB_USER"
"""Overrides the name, for scripts and shared machines."""

LONGEST = 128
GIT_SECONDS = 2.0


@cache
def person() -> str:
    """A person's name: LAB_USER, else git's `user.name`, else the system's user; `unknown` where there is none."""
    return (os.environ.get(VARIABLE, "").strip() or _git() or _system())[:LONGEST]


def _git() -> str:
    try:
        done = subprocess.run(
            ["git", "config", "user.name"],  # noqa: S607  whichever git the person uses
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip()


def _system() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers
        return "unknown"
