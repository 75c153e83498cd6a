"""The lab as a whole asks nobody but this machine for anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.common import paths
from support.watching import Watch


@pytest.mark.long
def test_no_outside_host_is_contacted_from_start_to_demo(tmp_path: Path) -> None:
    """The Python processes of the engine, the functions and the lab. The CDK's are told to send no notices."""
    watch = Watch(tmp_path)
    engine = watch.engine()
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
