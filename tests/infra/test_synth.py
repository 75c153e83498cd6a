"""`make synth`: templates for AWS on a machine that knows no account."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.common import paths
from tests.infra.templates import STACKS


@pytest.fixture
def nobody(tmp_path: Path) -> dict[str, str]:
    """An environment without credentials, and with what would mislead CDK if it were passed on."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    misleading = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_PROFILE": "production"}
    return kept | {"HOME": str(tmp_path)} | misleading


def test_a_synth_needs_no_credentials_and_is_for_any_account(nobody: dict[str, str]) -> None:
    somebody = "alarmEmail=ops@orders.company"
    command = [sys.executable, "-m", "lab", "aws", "synth", "--env", "example", "-c", somebody]
    done = subprocess.run(command, cwd=paths.ROOT, env=nobody, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()[:4]] == [
        f"ingestion-example-{s}" for s in STACKS
    ]
    manifest = json.loads((paths.AWS_ASSEMBLY / "manifest.json").read_text())
    environments = {
        artifact["environment"]
        for artifact in manifest["artifacts"].values()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    assert environments == {"aws://unknown-account/us-east-1"}


def test_a_bad_setting_ends_the_synth_in_one_line(nobody: dict[str, str]) -> None:
    command = [sys.executable, "-m", "lab", "aws", "synth", "-c", "batchSize=many"]
    done = subprocess.run(command, cwd=paths.ROOT, env=nobody, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "error: batchSize=many: must be a whole number from 1 to 10000" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
