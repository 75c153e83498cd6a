"""The lab as a whole asks nobody but this machine for anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.common import paths
from lab.engines import HostEngine
from support.watching import Watch
from tests.conftest import free_port


class WatchedEngine(HostEngine):
    """A host engine that is watched, and so are its functions."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(free_port())
        self._watched = watch.variables()

    def environment(self) -> dict[str, str]:
        """The usual variables and those that watch."""
        return super().environment() | self._watched


@pytest.mark.long
def test_no_outside_host_is_contacted_from_start_to_demo(tmp_path: Path) -> None:
    """The Python processes of the engine, the functions and the lab. The CDK's are told to send no notices."""
    watch = Watch(tmp_path)
    engine = WatchedEngine(watch)
    engine.up()
    try:
        demo = subprocess.run(
            [sys.executable, "-m", "lab", "demo", "--port", str(engine.port)],
            cwd=paths.ROOT,
            env=os.environ | {"PYTHONPATH": watch.site("lab")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert demo.returncode == 0, demo.stdout + demo.stderr
    finally:
        engine.down()
    assert watch.processes() == {"engine", "function", "lab"}
    assert watch.outside() == []
