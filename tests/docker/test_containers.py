"""The lab's image through testcontainers, and the other suites against it."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lab.common import paths
from lab.engines import docker_cli
from tests.docker.conftest import clients, create_function, invoke
from tests.docker.container import LabContainer, lab_container

EMULATOR = ("-c", "emulator/pyproject.toml")
NOT_HERE = (
    # rules of the plugins and of the base they replace, asked in the host's own environment, not in the container
    "tests/test_http_api_rules.py",
    "tests/test_iam_rules.py",
    "tests/test_lambda_rules.py",
    "tests/test_outside.py",
    "tests/test_patches.py",
    "tests/test_server.py",
    # DynamoDB Local answers these otherwise than moto, never deletes an expired item: docs/parity.md
    "tests/integration/test_idempotency.py::test_an_expired_record_that_was_deleted_counts_as_absent",
    "tests/test_dynamodb.py::test_a_transaction_that_cannot_be_applied_is_undone",
    "tests/test_dynamodb.py::test_expired_items_disappear_and_others_stay",
    "tests/test_dynamodb.py::test_partiql_is_refused_rather_than_half_answered",
    "tests/test_errors.py::test_operation_that_is_not_served_is_named[dynamodb-ExecuteStatement-request_0]",
    "tests/test_dynamodb.py::test_name_that_no_expression_uses_is_refused",
    "tests/test_dynamodb.py::test_update_expression_that_cannot_be_read_is_refused_and_not_cancelled",
    "tests/test_dynamodb.py::test_selection_that_contradicts_itself_is_refused",
    "tests/test_dynamodb.py::test_table_with_what_the_engine_does_not_have_is_refused",
    "tests/test_dynamodb.py::test_batch_whose_keys_do_not_fit_the_table_is_refused",
    "tests/test_dynamodb.py::test_condition_that_cannot_be_read_is_refused",
    "tests/test_dynamodb.py::test_value_that_cannot_be_kept_is_refused",
    # and it keeps no key of a table's
    "tests/test_cloudformation_changes.py::test_a_table_gets_another_key_and_loses_it",
)
_EXECUTION = "tests/test_lambda_execution.py"
NOT_IN_A_CONTAINER = (
    # it may not mount by default, so functions that are processes in it share its /tmp
    f"{_EXECUTION}::test_files_in_the_temporary_folder_are_seen_by_no_other_environment",
    # and may not see which memory a child of another user shares: its children's is not counted
    f"{_EXECUTION}::test_function_that_outgrows_its_memory_is_killed_and_the_next_invocation_works[in a child]",
    f"{_EXECUTION}::test_child_that_outgrew_the_memory_is_gone_with_its_function",
)
"""What functions that are processes lack there."""

ON_PROCESSES = (
    # a timeout of a second, in which a container does not start; and a runtime that is replaced by a module
    "tests/test_event_source_mapping.py::test_a_message_that_may_be_received_once_is_dead_after_its_first_failure",
    "tests/test_event_source_mapping.py::test_an_answer_that_is_not_json_fails_the_whole_batch",
)
"""Asked where functions are processes, here and on the host; not where they are containers."""
PIPELINE = "tests/integration/test_pipeline.py"
LAMBDA_EXECUTION = "emulator/tests/test_lambda_execution.py"
"""Asserts on the process executor; in the docker executor these are LocalStack's own."""


@pytest.fixture(scope="module", params=["docker", "process"])
def container(request: pytest.FixtureRequest) -> Iterator[LabContainer]:
    with lab_container(executor=request.param) as container:
        yield container


def passes(container: LabContainer, name: str, *selected: str) -> bool:
    executor = container.env["LAMBDA_RUNTIME_EXECUTOR"]
    report = paths.REPORTS / f"docker-{executor}-{name}.xml"
    left_out = [f"--deselect={test}" for test in NOT_HERE]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *selected, *left_out, f"--junitxml={report}"],
        cwd=paths.ROOT,
        env=os.environ | {"LAB_TEST_ENDPOINT": container.endpoint},
        check=False,
    )
    return done.returncode == 0


@pytest.mark.timeout(1800)
def test_the_deployed_pipeline_passes_its_tests_in_a_container(container: LabContainer) -> None:
    """All but the long ones with functions in containers; with functions in processes an order's whole way."""
    in_containers = container.env["LAMBDA_RUNTIME_EXECUTOR"] == "docker"
    selected = ("tests/integration", "-m", "not long and not page") if in_containers else (PIPELINE,)
    assert passes(container, "integration", *selected)


@pytest.mark.timeout(1800)
def test_the_engine_passes_its_tests_in_a_container(container: LabContainer) -> None:
    """All of them with functions in containers; with functions in processes those that run functions."""
    if container.env["LAMBDA_RUNTIME_EXECUTOR"] == "docker":
        chosen = (*EMULATOR, "emulator/tests", f"--ignore={LAMBDA_EXECUTION}", "-m", "not long and not page")
        left_out = [f"--deselect={test}" for test in ON_PROCESSES]
        assert passes(container, "engine", *chosen, *left_out, "-n", "2", "--dist", "loadfile")
    else:
        chosen = (*EMULATOR, LAMBDA_EXECUTION, "emulator/tests/test_event_source_mapping.py")
        left_out = [f"--deselect={test}" for test in NOT_IN_A_CONTAINER]
        assert passes(container, "engine", *chosen, *left_out)


def test_a_stopped_container_leaves_no_function_behind() -> None:
    with lab_container() as container:
        client = clients(container.endpoint)
        invoke(client, create_function(client), {})
        assert container.function_containers()
    assert container.function_containers() == []


def test_a_runtime_image_that_the_engine_has_is_not_pulled() -> None:
    """No registry has this one, so a pull would fail the function."""
    mine = "lab-offline/on-this-machine-only:1"
    with lab_container() as container:
        client = clients(container.endpoint)
        invoke(client, create_function(client), {})
        running = docker_cli.inspect("container", container.function_containers()[0])
        assert running is not None
        docker_cli.run("tag", running["Image"], mine)
    try:
        with lab_container(LAMBDA_RUNTIME_IMAGE_MAPPING=f'{{"python3.13": "{mine}"}}') as container:
            client = clients(container.endpoint)
            invoke(client, create_function(client), {})
    finally:
        docker_cli.run("image", "rm", mine)
