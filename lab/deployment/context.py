"""Stack settings: as a command line gives them, and as help and documentation list them."""

from collections.abc import Mapping
from typing import Annotated

import typer

from infra.settings import SETTINGS, Setting, host_architecture, shown
from lab.common.grid import Grid
from lab.common.output import Terminal
from lab.errors import LabError

Context = Annotated[
    list[str] | None,
    typer.Option("--context", "-c", help="A stack setting, key=value; lab settings lists them. Repeatable."),
]

PAGE = """# Settings of the stacks

Given with `-c key=value` (`make ... CONTEXT="key=value key=value"` on AWS), kept for an environment on AWS in
`infra/environments/NAME.json`, or for all in the context of [cdk.json](../infra/cdk.json). With `profile=local`, which
`lab deploy` sets, a setting that was not given has its local default. `lab settings --markdown` writes this page.

| setting | default | local default | what it means | what it may be |
| --- | --- | --- | --- | --- |
"""


def settings_of(context: list[str] | None) -> dict[str, str]:
    """Settings given as key=value. Raises LabError for anything else."""
    settings: dict[str, str] = {}
    for given in context or []:
        key, found, value = given.partition("=")
        if not found or not key:
            raise LabError(f"-c {given} is not key=value.", "Write it like this: -c batchSize=5")
        settings[key] = value
    return settings


def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="The page docs/settings.md.")] = False,
) -> None:
    """List the stacks' settings: what each means, its default, what it may be."""
    if markdown:
        typer.echo(page(SETTINGS), nl=False)
        return
    columns = {
        "setting": list(SETTINGS),
        "default": [shown(setting.default) for setting in SETTINGS.values()],
        "local": [_local(setting) for setting in SETTINGS.values()],
        "what it means": [setting.meaning for setting in SETTINGS.values()],
        "rule": [setting.rule.text for setting in SETTINGS.values()],
    }
    Terminal().print(Grid("settings", columns))


def page(settings: Mapping[str, Setting]) -> str:
    """The documentation of settings as a Markdown page."""
    rows = (
        (
            f"`{name}`",
            _code(shown(setting.default)),
            _code(_local(setting)),
            setting.meaning,
            setting.rule.text,
        )
        for name, setting in settings.items()
    )
    return PAGE + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _local(setting: Setting) -> str:
    """The local default where it differs; the machine's own is not named, as the page is for any machine."""
    return "this machine's" if setting.local == host_architecture() else shown(setting.local)


def _code(value: str) -> str:
    return f"`{value}`" if value and " " not in value else value
