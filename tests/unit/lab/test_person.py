"""Whose name audit rows and operations bear."""

import getpass
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from lab.common.person import person


@pytest.fixture(autouse=True)
def a_system_user(monkeypatch: pytest.MonkeyPatch) -> None:
    person.cache_clear()
    monkeypatch.delenv("LAB_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", lambda: "system-user")


def git_says(text: str) -> Callable[..., Any]:
    return lambda *_args, **_options: subprocess.CompletedProcess([], 0, stdout=text)


def test_a_person_is_who_git_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", git_says("Ada Lovelace\n"))
    assert person() == "Ada Lovelace"


def test_lab_user_overrides_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", git_says("Ada Lovelace\n"))
    monkeypatch.setenv("LAB_USER", "on call")
    assert person() == "on call"


@pytest.mark.parametrize(
    "without_git", [git_says(""), lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError())]
)
def test_without_a_name_in_git_it_is_the_systems_user(
    monkeypatch: pytest.MonkeyPatch, without_git: Callable[..., Any]
) -> None:
    monkeypatch.setattr(subprocess, "run", without_git)
    assert person() == "system-user"


def test_a_user_id_without_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(subprocess, "run", git_says(""))
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert person() == "unknown"
