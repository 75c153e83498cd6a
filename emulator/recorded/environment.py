"""The suites' own environment, made when it is first wanted: `make setup` does without."""

import subprocess

from recorded import engines
from support.engines import EMULATOR, ENVIRONMENTS, PYTHON

LOCK = EMULATOR / "requirements" / "recorded.txt"


def make() -> None:
    """Install what the lock file pins; nothing is done when it has not changed since."""
    home = engines.PYTHON.parents[1]
    stamp = home / "stamp"
    if stamp.exists() and stamp.read_text() == LOCK.read_text():
        return
    uv = ENVIRONMENTS / "uv" / "bin" / "uv"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", PYTHON, home], check=True)
    subprocess.run(
        [uv, "pip", "sync", "--quiet", "--python", engines.PYTHON, "--require-hashes", LOCK], check=True
    )
    stamp.write_text(LOCK.read_text())
