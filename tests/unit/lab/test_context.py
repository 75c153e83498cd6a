"""Help and documentation of the stacks' settings: one table, infra/settings.py, makes both."""

import pytest

from infra.settings import SETTINGS, shown
from lab import cli
from lab.common import paths
from lab.deployment.context import page

PAGE = paths.ROOT / "docs" / "settings.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == page(SETTINGS), "run: lab settings --markdown > docs/settings.md"


@pytest.mark.parametrize("name", SETTINGS)
def test_the_page_names_every_setting_with_its_default_and_its_rule(name: str) -> None:
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert f"| {shown(SETTINGS[name].default)} |" in row.replace("`", "")
    assert row.endswith(f"| {SETTINGS[name].rule.text} |")


def test_the_command_lists_every_setting_in_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.run(lambda **options: cli.app(["settings"], **options)) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in SETTINGS)
    assert max(map(len, listed.splitlines())) <= 80
