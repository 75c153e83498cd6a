"""How a function runs: its environment, its answers, its failures and its logs, as AWS documents them."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support import functions
from support.eventually import eventually
from support.functions import Function

pytestmark = pytest.mark.evidence(
    "documented", source="Lambda guide, runtimes, execution environment and logs"
)

ALL_PURPOSE = """
    import importlib.util, json, logging, os, signal, subprocess, sys, time

    print(json.dumps({"init": True}))
    COUNTER = 0

    def handler(event, context):
        global COUNTER
        COUNTER += 1
        return globals()[event.get("do", "count")](event, context)

    def count(event, context):
        return {"pid": os.getpid(), "count": COUNTER}

    def echo(event, context):
        return {
            "event": event,
            "function_name": context.function_name,
            "function_version": context.function_version,
            "memory_limit_in_mb": context.memory_limit_in_mb,
            "invoked_function_arn": context.invoked_function_arn,
            "aws_request_id": context.aws_request_id,
            "remaining": context.get_remaining_time_in_millis(),
            "log_group_name": context.log_group_name,
        }

    def environment(event, context):
        return dict(os.environ)

    def importable(event, context):
        return [name for name in event["names"] if importlib.util.find_spec(name)]

    def sleep(event, context):
        print(json.dumps({"sleeping": True}), flush=True)
        time.sleep(event["seconds"])
        return "slept"

    def spawn_and_sleep(event, context):
        child = subprocess.Popen(["sleep", "60"])
        print(json.dumps({"child": child.pid}), flush=True)
        time.sleep(60)

    def alive(event, context):
        try:
            os.kill(event["pid"], 0)
        except ProcessLookupError:
            return False
        with open(f"/proc/{event['pid']}/stat") as stat:
            return stat.read().split()[2] != "Z"

    def fail(event, context):
        raise ValueError("no good")

    def exit(event, context):
        os._exit(event["status"])

    def kill(event, context):
        os.kill(os.getpid(), event["signal"])

    def long(event, context):
        return "x" * event["length"]

    def unserializable(event, context):
        return object()

    def write(event, context):
        for number in range(event["lines"]):
            print(f"{event['tag']} line {number}")

    def log(event, context):
        print("printed first")
        logging.getLogger().warning("two\\nlines")
        print("printed last")
        print("to standard error", file=sys.stderr)

    def keep_file(event, context):
        existed = os.path.exists("/tmp/kept")
        open("/tmp/kept", "w").close()
        return existed

    def identity(event, context):
        import boto3

        return boto3.client("sts").get_caller_identity()["Arn"]
"""


@pytest.fixture(scope="module")
def shared(aws: Callable[..., Any]) -> Iterator[Function]:
    """One function for all tests that leave it as it is."""
    function = functions.create(aws, ALL_PURPOSE)
    yield function
    function.delete()


@pytest.fixture
def create(aws: Callable[..., Any]) -> Iterator[Callable[..., Function]]:
    """`create(code, **configuration)`: a function of one test."""
    created: list[Function] = []

    def make(code: str = ALL_PURPOSE, **configuration: Any) -> Function:
        created.append(functions.create(aws, code, **configuration))
        return created[-1]

    yield make
    for function in created:
        function.delete()


@pytest.fixture
def process_executor(shared: Function) -> None:
    """Skips a test of what LocalStack's docker executor does differently."""
    if shared.invoke(do="environment").payload["LAMBDA_TASK_ROOT"] == "/var/task":
        pytest.skip("functions run in LocalStack's docker executor")


def test_a_handler_gets_its_event_and_a_context_that_describes_the_function(shared: Function) -> None:
    answer = shared.invoke(do="echo", text="ü", number=1.5).payload
    assert answer["event"] == {"do": "echo", "text": "ü", "number": 1.5}
    assert answer["function_name"] == shared.name
    assert answer["function_version"] == "$LATEST"
    assert answer["memory_limit_in_mb"] == "128"
    assert answer["invoked_function_arn"] == shared.arn
    assert answer["log_group_name"] == shared.log_group
    assert 3000 < answer["remaining"] <= 5000
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["aws_request_id"])


def test_the_next_invocation_finds_the_environment_warm(create: Callable[..., Function]) -> None:
    function = create()
    first, second = function.invoke().payload, function.invoke().payload
    assert (first["count"], second["count"]) == (1, 2)
    assert first["pid"] == second["pid"]


def test_files_in_the_temporary_folder_live_as_long_as_their_environment(
    create: Callable[..., Function],
) -> None:
    function = create(Timeout=1)
    assert function.invoke(do="keep_file").payload is False
    assert function.invoke(do="keep_file").payload is True


def test_files_in_the_temporary_folder_are_seen_by_no_other_environment(
    create: Callable[..., Function],
) -> None:
    for _ in range(2):
        assert create().invoke(do="keep_file").payload is False


def test_concurrent_invocations_run_in_environments_of_their_own(create: Callable[..., Function]) -> None:
    function = create()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(function.invoke, do="sleep", seconds=3) for _ in range(3)]
        assert [each.result().payload for each in waiting] == ["slept"] * 3
    eventually(lambda: len([said for said in function.said() if "init" in said]) == 3)


def test_a_burst_of_invocations_is_served_by_the_environments_that_get_free(
    create: Callable[..., Function],
) -> None:
    function = create(
        """
        import time, uuid
        time.sleep(1)
        ENVIRONMENT = str(uuid.uuid4())
        def handler(event, context):
            return ENVIRONMENT
        """,
        Timeout=30,
    )
    burst = 10 * max(2, os.cpu_count() or 1)
    with ThreadPoolExecutor(burst) as pool:
        answers = [pool.submit(function.invoke) for _ in range(burst)]
        environments = {answer.result().payload for answer in answers}
    assert len(environments) <= burst / 2


def test_the_log_of_an_invocation_begins_with_start_and_ends_with_end_and_report(shared: Function) -> None:
    answer = shared.invoke(do="echo")
    request_id = answer.payload["aws_request_id"]
    lines = answer.log.splitlines()
    assert lines[-3] == f"START RequestId: {request_id} Version: $LATEST"
    assert lines[-2] == f"END RequestId: {request_id}"
    assert re.fullmatch(
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: [1-9]\d* MB\t(Init Duration: [\d.]+ ms\t)?",
        lines[-1],
    )


@pytest.mark.usefixtures("process_executor")
def test_the_log_stream_of_an_environment_begins_with_init_start(create: Callable[..., Function]) -> None:
    function = create()
    function.invoke()
    first, second, *_ = eventually(function.log_messages)
    assert re.fullmatch(
        r"INIT_START Runtime Version: python:3\.13\.v\d+\t"
        r"Runtime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\n",
        first,
    )
    assert second == '{"init": true}\n'


@pytest.mark.usefixtures("process_executor")
@pytest.mark.evidence("recorded", "LocalStack: test_invocation_with_qualifier")
@pytest.mark.parametrize(
    ("log_format", "first"), [("Text", "START RequestId: "), ("JSON", '"platform.start"')]
)
def test_log_result_of_a_first_invocation_begins_with_its_start(
    create: Callable[..., Function], log_format: str, first: str
) -> None:
    function = create("def handler(event, context): return None", LoggingConfig={"LogFormat": log_format})

    lines = [line for line in function.invoke().log.splitlines() if line]

    assert first in lines[0]
    assert not [line for line in lines if "INIT_START" in line or "initStart" in line]


def test_only_the_first_invocation_of_an_environment_reports_an_init_duration(
    create: Callable[..., Function],
) -> None:
    function = create()
    assert "Init Duration: " in function.invoke().report
    assert "Init Duration: " not in function.invoke().report


@pytest.mark.usefixtures("process_executor")
def test_the_init_phase_is_billed(create: Callable[..., Function]) -> None:
    report = create("import time; time.sleep(0.3)\ndef handler(event, context): pass").invoke().report
    billed = re.search(r"Billed Duration: (\d+) ms", report)
    assert billed
    assert 300 <= int(billed[1]) < 5000


def test_each_invocation_has_exactly_its_own_output(create: Callable[..., Function]) -> None:
    function = create()
    for tag in ("one", "two", "three"):
        function.invoke(do="write", lines=2000, tag=tag)
    messages = eventually(lambda: len(found := function.log_messages()) > 6000 and found)
    tag_of_request: dict[str, str] = {}
    current = ""
    for message in messages:
        if started := re.match(r"START RequestId: (\S+)", message):
            current = started[1]
        elif written := re.match(r"(\w+) line \d+$", message):
            assert tag_of_request.setdefault(current, written[1]) == written[1]
    assert sorted(tag_of_request.values()) == ["one", "three", "two"]
    assert [m.strip() for m in messages if m.startswith("two ")] == [f"two line {n}" for n in range(2000)]


@pytest.mark.usefixtures("process_executor")
def test_a_log_record_of_two_lines_is_one_event_in_the_order_it_was_written(
    create: Callable[..., Function],
) -> None:
    function = create()
    function.invoke(do="log")
    messages = eventually(lambda: len(found := function.log_messages()) > 6 and found)
    first = messages.index("printed first\n")
    assert re.fullmatch(r"\[WARNING\]\t\S+Z\t[0-9a-f-]{36}\ttwo\nlines\n", messages[first + 1])
    assert messages[first + 2 : first + 4] == ["printed last\n", "to standard error\n"]


@pytest.mark.usefixtures("process_executor")
def test_logs_are_json_where_the_function_asks_for_it(create: Callable[..., Function]) -> None:
    function = create(LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO"})
    function.invoke(do="log")
    messages = eventually(
        lambda: function.log_messages('{ $.type = "platform.report" }') and function.log_messages()
    )
    records = [json.loads(message) for message in messages if message.startswith("{")]
    assert records[0]["type"] == "platform.initStart"
    started = next(record for record in records if record.get("type") == "platform.start")
    logged = next(record for record in records if record.get("level") == "WARNING")
    reported = next(record for record in records if record.get("type") == "platform.report")
    assert logged["message"] == "two\nlines"
    assert logged["requestId"] == started["record"]["requestId"] == reported["record"]["requestId"]
    assert reported["record"]["status"] == "success"
    assert reported["record"]["metrics"]["durationMs"] > 0


def test_a_handler_that_raises_answers_with_its_error_and_stays_warm(create: Callable[..., Function]) -> None:
    function = create()
    before = function.invoke().payload
    answer = function.invoke(do="fail")
    assert answer.failed
    assert answer.payload["errorType"] == "ValueError"
    assert answer.payload["errorMessage"] == "no good"
    assert "raise ValueError" in answer.payload["stackTrace"][-1]
    assert "[ERROR] ValueError: no good" in answer.log
    assert function.invoke().payload == {"pid": before["pid"], "count": 3}


def test_a_function_that_runs_too_long_is_stopped_and_starts_afresh(create: Callable[..., Function]) -> None:
    function = create(Timeout=1)
    function.invoke()
    answer = function.invoke(do="sleep", seconds=30)
    assert answer.failed
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    assert re.fullmatch(
        r"RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds", answer.payload["errorMessage"]
    )
    assert "Task timed out after 1.00 seconds\n" in answer.log
    assert "\tStatus: timeout" in answer.report
    assert function.invoke().payload["count"] == 1


@pytest.mark.usefixtures("process_executor")
def test_the_children_of_a_function_that_ran_too_long_are_gone(create: Callable[..., Function]) -> None:
    function = create(Timeout=1)
    function.invoke(do="spawn_and_sleep")
    child = eventually(lambda: [said["child"] for said in function.said() if "child" in said])[0]
    assert function.invoke(do="alive", pid=child).payload is False


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(
            {"do": "exit", "status": 3}, "Runtime exited with error: exit status 3", id="exit status"
        ),
        pytest.param(
            {"do": "exit", "status": 0}, "Runtime exited without providing a reason", id="no reason"
        ),
        pytest.param({"do": "kill", "signal": 9}, "Runtime exited with error: signal: killed", id="killed"),
        pytest.param(
            {"do": "kill", "signal": 11},
            "Runtime exited with error: signal: segmentation fault",
            id="segfault",
        ),
    ],
)
def test_a_function_whose_process_ends_answers_so_and_the_next_invocation_works(
    shared: Function, event: dict[str, Any], reason: str
) -> None:
    answer = shared.invoke(**event)
    assert answer.failed
    assert answer.payload["errorType"] == "Runtime.ExitError"
    assert re.fullmatch(rf"RequestId: [0-9a-f-]{{36}} Error: {reason}", answer.payload["errorMessage"])
    assert "\tStatus: error\tError Type: Runtime.ExitError" in answer.report
    assert shared.invoke().payload["count"] == 1


HUNGRY = """
    import os, subprocess, sys, time

    count = 0

    def handler(event, context):
        global count
        count += 1
        return globals()[event["do"]](**event.get("with", {}))

    def counted():
        return count

    def hold(megabytes, seconds):
        taken = bytearray(megabytes << 20)
        time.sleep(seconds)
        return len(taken) >> 20

    def hold_in_child(megabytes, seconds):
        code = f"import time; taken = bytearray({megabytes} << 20); print('child', flush=True); time.sleep(60)"
        print(subprocess.Popen([sys.executable, "-c", code]).pid, flush=True)
        time.sleep(seconds)

    def share_with_children(megabytes, seconds):
        taken = bytearray(megabytes << 20)
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(seconds)
                os._exit(0)
        for _ in range(3):
            os.wait()
        return len(taken) >> 20
"""
OUT_OF_MEMORY = pytest.mark.evidence(
    "recorded",
    "awslabs/amazon-s3-find-and-forget 283, nasa-gcn/gcn.nasa.gov 3628: signal: killed; Runtime.OutOfMemory in REPORT",
)


@OUT_OF_MEMORY
@pytest.mark.usefixtures("process_executor")
@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"do": "hold", "with": {"megabytes": 400, "seconds": 15}}, id="held"),
        pytest.param({"do": "hold", "with": {"megabytes": 200, "seconds": 0}}, id="only for a moment"),
        pytest.param({"do": "hold_in_child", "with": {"megabytes": 200, "seconds": 15}}, id="in a child"),
    ],
)
def test_function_that_outgrows_its_memory_is_killed_and_the_next_invocation_works(
    create: Callable[..., Function], event: dict[str, Any]
) -> None:
    function = create(HUNGRY, Timeout=20, MemorySize=128)
    assert function.invoke(do="counted").payload == 1
    began = time.monotonic()
    answer = function.invoke(**event)
    assert time.monotonic() - began < 10
    assert answer.failed
    assert answer.payload["errorType"] == "Runtime.ExitError"
    assert answer.payload["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB\t" in answer.report
    assert "\tStatus: error\tError Type: Runtime.OutOfMemory\t" in answer.report
    assert function.invoke(do="counted").payload == 1
    assert "Error Type" not in function.invoke(do="counted").report


@OUT_OF_MEMORY
@pytest.mark.usefixtures("process_executor")
def test_child_that_outgrew_the_memory_is_gone_with_its_function(
    shared: Function, create: Callable[..., Function]
) -> None:
    function = create(HUNGRY, Timeout=20, MemorySize=128)
    answer = function.invoke(do="hold_in_child", **{"with": {"megabytes": 200, "seconds": 15}})
    child = re.search(r"^(\d+)$", answer.log, re.MULTILINE)
    assert child, answer.log
    eventually(lambda: not shared.invoke(do="alive", pid=int(child[1])).payload)


@pytest.mark.usefixtures("process_executor")
def test_function_within_its_memory_reports_its_peak(create: Callable[..., Function]) -> None:
    function = create(HUNGRY, Timeout=20, MemorySize=512)
    assert function.invoke(do="hold", **{"with": {"megabytes": 300, "seconds": 0}}).payload == 300
    answer = function.invoke(do="counted")
    assert answer.payload == 2
    used = re.search(r"Max Memory Used: (\d+) MB", answer.report)
    assert used
    assert 300 <= int(used[1]) <= 512


@pytest.mark.usefixtures("process_executor")
def test_memory_that_children_share_with_their_parent_counts_once(create: Callable[..., Function]) -> None:
    function = create(HUNGRY, Timeout=20, MemorySize=300)
    answer = function.invoke(do="share_with_children", **{"with": {"megabytes": 150, "seconds": 1.5}})
    assert answer.payload == 150


@OUT_OF_MEMORY
@pytest.mark.usefixtures("process_executor")
def test_init_phase_that_outgrows_the_memory_is_killed(create: Callable[..., Function]) -> None:
    function = create(
        "import time\ntaken = bytearray(400 << 20)\ntime.sleep(5)\ndef handler(event, context): pass",
        MemorySize=128,
        Timeout=10,
    )
    answer = function.invoke()
    assert answer.payload["errorType"] == "Runtime.ExitError"
    assert "Max Memory Used: 128 MB" in answer.report
    assert "Error Type: Runtime.OutOfMemory" in answer.report


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "error_message"),
    [
        pytest.param(
            "import not_packaged",
            "code_under_test.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'code_under_test': No module named 'not_packaged'",
            id="import error",
        ),
        pytest.param(
            "def other(event, context): pass",
            "code_under_test.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'code_under_test'",
            id="no such handler",
        ),
        pytest.param(
            "def handler(:",
            "code_under_test.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'code_under_test': ",
            id="syntax error",
        ),
        pytest.param(
            "1 / 0", "code_under_test.handler", "ZeroDivisionError", "division by zero", id="exception"
        ),
    ],
)
def test_a_function_that_cannot_be_loaded_answers_every_invocation_with_the_reason(
    create: Callable[..., Function], code: str, handler: str, error_type: str, error_message: str
) -> None:
    function = create(code, Handler=handler)
    for _ in range(2):
        answer = function.invoke()
        assert answer.failed
        assert answer.payload["errorType"] == error_type
        assert answer.payload["errorMessage"].startswith(error_message)


@pytest.mark.usefixtures("process_executor")
def test_an_init_phase_of_more_than_ten_seconds_is_repeated_in_the_first_invocation(
    create: Callable[..., Function],
) -> None:
    answer = create("import time; time.sleep(60)", Timeout=1).invoke()
    assert answer.payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert re.search(
        r"^INIT_REPORT Init Duration: 10\d{3}\.\d\d ms\tPhase: init\tStatus: timeout$", answer.log, re.M
    )


def test_a_response_of_more_than_six_megabytes_is_an_error(shared: Function) -> None:
    limit = 6 * 1024 * 1024 + 100
    assert len(shared.invoke(do="long", length=limit - 2).payload) == limit - 2
    answer = shared.invoke(do="long", length=limit - 1)
    assert answer.failed
    assert answer.payload["errorType"] == "Function.ResponseSizeTooLarge"


def test_a_response_that_json_cannot_hold_is_an_error(shared: Function) -> None:
    answer = shared.invoke(do="unserializable")
    assert answer.failed
    assert answer.payload["errorType"] == "Runtime.MarshalError"


def test_a_function_sees_the_documented_variables_and_its_own(create: Callable[..., Function]) -> None:
    function = create(Environment={"Variables": {"TABLE": "orders"}}, MemorySize=256)
    seen = function.invoke(do="environment").payload
    documented = {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "_HANDLER": "code_under_test.handler",
        "TZ": ":UTC",
        "TABLE": "orders",
    }
    assert {name: seen.get(name) for name in documented} == documented
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", seen["AWS_LAMBDA_LOG_STREAM_NAME"])
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_ENDPOINT_URL",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "_X_AMZN_TRACE_ID",
    ):
        assert seen.get(name), name


@pytest.mark.evidence("ours")
def test_a_function_sees_nothing_of_the_engine(shared: Function) -> None:
    seen = shared.invoke(do="environment").payload
    assert not [
        name for name in seen if name.startswith(("LAB_", "PROVIDER_", "GATEWAY_", "SQS_", "DOCKER_"))
    ]
    assert shared.invoke(do="importable", names=["localstack", "moto", "lab_localstack"]).payload == []


@pytest.mark.evidence("ours")
@pytest.mark.usefixtures("process_executor")
def test_a_function_sees_nothing_that_happens_to_be_installed_beside_the_interpreter(
    shared: Function,
) -> None:
    assert shared.invoke(do="importable", names=["pip"]).payload == []


def test_a_function_can_import_the_managed_runtimes_packages(shared: Function) -> None:
    assert shared.invoke(do="importable", names=["boto3", "botocore"]).payload == ["boto3", "botocore"]


def test_a_function_calls_the_engine_with_the_credentials_of_its_role(shared: Function) -> None:
    arn = shared.invoke(do="identity").payload
    assert arn == f"arn:aws:sts::000000000000:assumed-role/function-of-a-test/{shared.name}"


def test_reserved_concurrency_bounds_the_invocations_at_once(
    aws: Callable[..., Any], create: Callable[..., Function]
) -> None:
    function = create()
    aws("lambda").put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(2) as pool:
        rivals = [pool.submit(function.invoke, do="sleep", seconds=3) for _ in range(2)]
        outcomes = [rival.exception() or rival.result().payload for rival in rivals]
    refused = next(outcome for outcome in outcomes if isinstance(outcome, ClientError))
    assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert refused.response["Error"]["Code"] == "TooManyRequestsException"
    assert refused.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert "slept" in outcomes
    assert function.invoke().payload["count"] >= 1


def test_a_changed_configuration_takes_hold_and_a_running_invocation_finishes(
    create: Callable[..., Function],
) -> None:
    function = create(Environment={"Variables": {"MODE": "old"}})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke, do="sleep", seconds=2)
        eventually(lambda: not running.done() and function.invoke(do="environment").payload["MODE"] == "old")
        function.update(Environment={"Variables": {"MODE": "new"}})
        assert function.invoke(do="environment").payload["MODE"] == "new"
        assert running.result().payload == "slept"


def test_changed_code_takes_hold(create: Callable[..., Function]) -> None:
    function = create("def handler(event, context): return 'old'")
    assert function.invoke().payload == "old"
    function.update_code("def handler(event, context): return 'new'")
    assert function.invoke().payload == "new"


def test_an_asynchronous_invocation_runs(aws: Callable[..., Any], create: Callable[..., Function]) -> None:
    function = create()
    answer = aws("lambda").invoke(
        FunctionName=function.name,
        InvocationType="Event",
        Payload='{"do": "write", "lines": 1, "tag": "async"}',
    )
    assert answer["StatusCode"] == 202
    eventually(lambda: "async line 0\n" in function.log_messages())


def test_a_wrapper_gets_the_command_that_starts_the_runtime(create: Callable[..., Function]) -> None:
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}
    program = '#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n'
    function = create(programs={"wrapper": program}, Environment={"Variables": variables})
    assert int(function.invoke(do="environment").payload["WRAPPED"]) > 0


@pytest.mark.evidence("recorded", source="LocalStack's tests, test_lambda_runtime_wrapper_not_found")
def test_a_wrapper_that_does_not_exist_ends_the_runtime(create: Callable[..., Function]) -> None:
    function = create(Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/idontexist"}})
    answer = function.invoke().payload
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("Error: Runtime exited with error: exit status 127")
    eventually(lambda: "/idontexist: does not exist\n" in function.log_messages())


@pytest.mark.usefixtures("process_executor")
def test_a_function_that_failed_for_its_runtime_is_repaired_by_an_update(
    create: Callable[..., Function],
) -> None:
    function = create(Runtime="python3.12")
    assert function.configuration()["State"] == "Failed"
    function.update(Runtime=functions.RUNTIME)
    assert function.configuration()["State"] == "Active"
    assert function.invoke().payload["count"] == 1


@pytest.mark.evidence("ours")
@pytest.mark.usefixtures("process_executor")
def test_a_runtime_that_no_local_process_can_run_is_refused_with_the_reason(
    create: Callable[..., Function],
) -> None:
    configuration = create(Runtime="python3.11").configuration()
    assert configuration["State"] == "Failed"
    assert "Runtime python3.11 is not supported by the process executor" in configuration["StateReason"]


def metrics_of(aws: Callable[..., Any], function: Function, *names: str) -> dict[str, float]:
    found = aws("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": name.lower(),
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": name,
                        "Dimensions": [{"Name": "FunctionName", "Value": function.name}],
                    },
                    "Period": 86400,
                    "Stat": "Maximum" if name in {"ConcurrentExecutions", "Duration"} else "Sum",
                },
            }
            for name in names
        ],
        StartTime="2020-01-01",
        EndTime="2100-01-01",
    )["MetricDataResults"]
    return {name: sum(result["Values"]) for name, result in zip(names, found, strict=True)}


def test_invocations_errors_throttles_durations_and_concurrency_become_metrics(
    aws: Callable[..., Any], create: Callable[..., Function]
) -> None:
    function = create()
    function.invoke(do="sleep", seconds=0.2)
    function.invoke(do="fail")
    aws("lambda").put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError):
        function.invoke()
    wanted = {"Invocations": 2, "Errors": 1, "Throttles": 1, "ConcurrentExecutions": 1}

    def values() -> dict[str, float]:
        return metrics_of(aws, function, *wanted, "Duration")

    seen = eventually(lambda: (now := values())["Throttles"] and now)
    assert seen.pop("Duration") >= 200
    assert seen == wanted


def test_an_asynchronous_event_without_concurrency_is_dropped_and_counted(
    aws: Callable[..., Any], create: Callable[..., Function]
) -> None:
    function = create()
    aws("lambda").put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    aws("lambda").invoke(FunctionName=function.name, InvocationType="Event", Payload="{}")
    eventually(lambda: metrics_of(aws, function, "AsyncEventsDropped") == {"AsyncEventsDropped": 1})
