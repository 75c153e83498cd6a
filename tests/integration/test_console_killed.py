"""A console that is killed leaves nothing of its job behind."""

import subprocess
import sys
from urllib.parse import urlsplit

import psutil

from lab.common import paths
from lab.pipeline.observe import Pipeline
from support.eventually import eventually

CONSOLE = """
import sys
from lab.console.jobs import Job
from lab.console.job_kinds import RunnerProcess
work = RunnerProcess("scenario", "A scenario", int(sys.argv[1]), "dev", "poison-payload")
work.run(Job(1, work, lambda job: None))
"""
"""What a console does with a scenario that a page starts."""


def test_the_scenario_of_a_killed_console_rolls_back_and_ends(pipeline: Pipeline) -> None:
    port = str(urlsplit(pipeline.aws.endpoint or "").port)
    with subprocess.Popen([sys.executable, "-c", CONSOLE, port], cwd=paths.ROOT) as console:
        eventually(lambda: pipeline.failure_mode() == "poison_payload", within=30)
        (child,) = psutil.Process(console.pid).children()
        console.kill()
    assert psutil.wait_procs([child], timeout=60)[1] == []
    assert pipeline.failure_mode() == "none"
