"""The settings of an environment, kept in the repository: infra/environments/NAME.json."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from infra.settings import SETTINGS, shown
from lab.common import paths
from lab.errors import LabError

FOLDER = paths.INFRA / "environments"
DISPOSABLE = "dev"
"""The one environment that needs no file."""

DECIDED_ELSEWHERE = {"profile": "make deploy-local", "envName": "ENV="}
"""Settings that are not up to a file or to -c, and what chooses them."""


def refuse_decided(given: Mapping[str, object]) -> None:
    """Raise LabError for a setting that the command itself decides."""
    for name, option in DECIDED_ELSEWHERE.items():
        if name in given:
            raise LabError(f"-c {name}={given[name]} is not for the AWS target.", f"Use {option}")


def kept(env_name: str) -> dict[str, str]:
    """The settings that the repository keeps for an environment, as `-c` spells them.

    Raises LabError where a file is missing that has to be there, or is not an object of settings.
    """
    file = FOLDER / f"{env_name}.json"
    if not file.exists():
        if env_name == DISPOSABLE:
            return {}
        where = _short(FOLDER)
        raise LabError(
            f"The settings of {env_name} are kept nowhere: {where}/{file.name} is missing.",
            f"Write it, and commit it: cp {where}/example.json {where}/{file.name}",
        )
    settings = _read(file)
    refuse_decided(settings)
    return {name: shown(value) for name, value in settings.items()}


def chosen(env_name: str, given: Mapping[str, str]) -> dict[str, str]:
    """An environment's settings on AWS: those that the repository keeps, and over them those given with a command.

    Raises LabError as `kept` and `refuse_decided`.
    """
    refuse_decided(given)
    return {"profile": "aws", "envName": env_name} | kept(env_name) | dict(given)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Each setting that a deployment changes, with both of its values, such as `batchSize: 10 -> 100`."""

    def value(chosen: Mapping[str, str], name: str) -> str:
        return chosen.get(name, f"{shown(SETTINGS[name].default)} (default)" if name in SETTINGS else "unset")

    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"{name}: {value(before, name)} -> {value(after, name)}" for name in changed]


def _read(file: Path) -> dict[str, Any]:
    try:
        found: object = json.loads(file.read_text())
    except ValueError as error:
        raise LabError(
            f"{_short(file)} is not JSON: {error}.", "Correct it, then run the command again."
        ) from error
    settings = cast(dict[str, Any], found) if isinstance(found, dict) else {"": found}
    wrong = [name for name, value in settings.items() if isinstance(value, dict | list) or not name]
    if wrong:
        raise LabError(
            f"{_short(file)} is not an object of settings.",
            'Write it like this: {"batchSize": 10, "useKmsCmk": true}',
        )
    return settings


def _short(path: Path) -> str:
    return str(path.relative_to(paths.ROOT) if path.is_relative_to(paths.ROOT) else path)
