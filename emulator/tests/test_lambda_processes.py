"""The processes of functions: whom they run as, what they leave behind, and how they end with their engine."""

import os
import pwd
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from support.engines import PYTHON, RUNTIME, Engine, EngineWith
from support.eventually import eventually
from support.processes import has_ended

pytestmark = [
    pytest.mark.evidence("ours"),
    pytest.mark.skipif("LAB_TEST_ENDPOINT" in os.environ, reason="needs host engines of its own"),
]

SLEEPER = """
    import os, time

    def handler(event, context):
        time.sleep(event.get("seconds", 0))
        return {"pid": os.getpid(), "uid": os.getuid()}
"""


@pytest.fixture
def start() -> Iterator[Callable[..., EngineWith]]:
    """`start(**variables)`: an engine of one test."""
    engines: list[EngineWith] = []

    def begin(**variables: str) -> EngineWith:
        engines.append(EngineWith(**variables))
        engines[-1].up()
        return engines[-1]

    yield begin
    for engine in engines:
        engine.down()


def _busy(engine: EngineWith, count: int) -> list[psutil.Process]:
    """Processes of functions that are all at work."""
    function = engine.create(SLEEPER, Timeout=60)

    def invoke() -> None:
        with suppress(ClientError, BotoCoreError):  # the engine ends under it
            function.invoke(seconds=50)

    for _ in range(count):
        threading.Thread(target=invoke, daemon=True).start()
    return eventually(lambda: len(found := _functions_of(engine)) == count and found)


def _scratch_folders(engine: EngineWith) -> list[Path]:
    """What environments have as their /tmp."""
    return list((engine.home / "tmp").glob("lambda-*"))


def _functions_of(engine: EngineWith) -> list[psutil.Process]:
    """This engine's own, whatever engines of other tests run beside it."""
    found: list[psutil.Process] = []
    for process in engine.process().children():
        with suppress(psutil.Error):  # it ended meanwhile
            if any(part.endswith("lambda_/bootstrap.py") for part in process.cmdline()):
                found.append(process)
    return found


def test_an_engine_with_busy_functions_stops_promptly_and_leaves_no_process(
    start: Callable[..., EngineWith],
) -> None:
    engine = start()
    processes = _busy(engine, 3)
    began = time.monotonic()
    engine.down()
    assert time.monotonic() - began < 8, "the engine had to be killed"
    eventually(lambda: all(has_ended(process) for process in processes), within=3)
    assert not engine.home.exists()


def test_busy_functions_end_when_their_engine_is_killed(start: Callable[..., EngineWith]) -> None:
    engine = start()
    processes = _busy(engine, 2)
    os.kill(processes[0].ppid(), signal.SIGKILL)  # the engine, which nobody supervises here
    eventually(lambda: all(has_ended(process) for process in processes), within=3)


def test_an_idle_environment_ends_after_its_time_and_leaves_nothing(start: Callable[..., EngineWith]) -> None:
    engine = start(LAMBDA_KEEPALIVE_MS="300")
    function = engine.create(SLEEPER)
    first = function.invoke().payload
    eventually(lambda: not psutil.pid_exists(first["pid"]))
    eventually(lambda: not _scratch_folders(engine))
    assert function.invoke().payload["pid"] != first["pid"]


def test_a_deleted_function_leaves_no_process_and_no_files(start: Callable[..., EngineWith]) -> None:
    engine = start()
    function = engine.create(SLEEPER)
    left = function.invoke().payload
    assert len(_scratch_folders(engine)) == 1
    function.delete()
    eventually(lambda: not psutil.pid_exists(left["pid"]))
    eventually(lambda: not _scratch_folders(engine))


PLACE_AMONG_PROCESSES = """
    import os
    def handler(event, context):
        return [os.nice(0), os.getsid(0), os.getpgid(0), os.getpid()]
"""


def test_a_function_gives_way_to_its_engine_within_the_engine_s_session(
    start: Callable[..., EngineWith],
) -> None:
    engine = start()
    nice, session, group, pid = engine.create(PLACE_AMONG_PROCESSES).invoke().payload
    process = engine.process()
    assert nice > process.nice()
    assert session == os.getsid(process.pid)
    assert group == pid, "it could not be ended with all that it started"


def test_functions_run_without_the_native_part_of_the_runtime_client(
    start: Callable[..., EngineWith], tmp_path: Path
) -> None:
    runtime = tmp_path / "runtime"
    shutil.copytree(RUNTIME, runtime, ignore=shutil.ignore_patterns("runtime_client*.so"))
    engine = start(LAB_LAMBDA_RUNTIME=str(runtime))
    code = "def handler(event, context):\n    return event['text'] if 'text' in event else 1 / 0"
    function = engine.create(code)
    for text in ("ü" * 10, "x" * 1_000_000):
        assert function.invoke(text=text).payload == text
    failed = function.invoke()
    assert failed.payload["errorType"] == "ZeroDivisionError"
    assert function.invoke(text="still warm").payload == "still warm"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can choose the user of a process")
def test_functions_run_as_the_configured_user(start: Callable[..., EngineWith]) -> None:
    try:
        subprocess.run([PYTHON.resolve(), "-S", "-c", ""], user="nobody", cwd="/", check=True)
    except PermissionError:
        pytest.skip("the user nobody cannot reach the interpreter")
    engine = start(LAB_LAMBDA_USER="nobody")
    answer = engine.create(SLEEPER).invoke().payload
    assert answer["uid"] == pwd.getpwnam("nobody").pw_uid


ASKING_AS_A_PAGE = """
    import json, os, urllib.error, urllib.request

    def handler(event, context):
        address = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/next"
        try:
            urllib.request.urlopen(urllib.request.Request(address, headers=event["headers"]), timeout=2)
        except urllib.error.HTTPError as error:
            return error.code
        except TimeoutError:
            return "took an invocation"
"""


@pytest.mark.parametrize("marks", [{"Sec-Fetch-Site": "cross-site"}, {"Host": "evil.example"}], ids=str)
def test_a_page_cannot_take_a_functions_invocations(running_engine: Engine, marks: dict[str, str]) -> None:
    """Each environment's Runtime API listens on a port of its own, which a page may guess."""
    function = running_engine.create(ASKING_AS_A_PAGE)
    assert function.invoke(headers=marks).payload == 403
    assert function.invoke(headers=marks).payload == 403, "the environment serves on"


@pytest.mark.evidence("ours", "recorded tests have functions of older Pythons")
def test_function_of_another_python_runs_only_where_the_setting_allows_it(
    start: Callable[..., EngineWith], running_engine: Engine
) -> None:
    code = "import os\ndef handler(event, context): return os.environ['AWS_EXECUTION_ENV']"
    engine = start(LAB_LAMBDA_PYTHONS="any")

    older = engine.create(code, Runtime="python3.12")
    other = engine.create(code, Runtime="nodejs20.x")

    assert older.invoke().payload == "AWS_Lambda_python3.12"
    assert other.configuration()["State"] == "Failed"
    assert running_engine.create(code, Runtime="python3.12").configuration()["State"] == "Failed"
