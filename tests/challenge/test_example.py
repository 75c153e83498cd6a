"""The example project, copied out of the repository, does what its README says."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.common import paths

EXAMPLE = paths.ROOT / "examples" / "own-worker"
COMMAND = re.compile(r"```sh\n(.+?)\n```", re.DOTALL)


def run(folder: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    found = COMMAND.search((EXAMPLE / "README.md").read_text())
    assert found
    environment = os.environ | {"LAB": str(paths.ROOT), "LAB_ENDPOINT": endpoint}
    return subprocess.run(
        ["bash", "-c", found[1]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_example_passes_outside_the_repository_and_fails_by_name_with_the_readmes_mistake(
    engine_endpoint: str, tmp_path: Path
) -> None:
    copy = tmp_path / "own-worker"
    shutil.copytree(EXAMPLE, copy)
    done = run(copy, engine_endpoint)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "4 passed" in done.stdout

    charges = copy / "shop" / "charges.py"
    sound = charges.read_text()
    mistaken = sound.replace(
        '"attribute_not_exists(id)"', '"attribute_exists(id) OR attribute_not_exists(id)"'
    )
    assert mistaken != sound
    charges.write_text(mistaken)
    failed = run(copy, engine_endpoint)
    assert failed.returncode == 1
    assert "broken: one effect. The effect of an order happens once." in failed.stdout
