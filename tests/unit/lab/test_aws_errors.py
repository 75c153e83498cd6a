"""An error of AWS or of the way there is one line with its fix, never a traceback."""

from collections.abc import Callable

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

from lab import cli
from lab.engines.aws_errors import explained


def refused(code: str, operation: str = "GetParameter") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no such thing"}}, operation)


def raising(error: Exception) -> Callable[..., object]:
    def command(**_: object) -> object:
        raise error

    return command


@pytest.mark.parametrize(
    "code",
    [
        "ParameterNotFound",
        "ResourceNotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NoSuchEntity",
        "NotFound",
    ],
)
def test_deleted_resource_is_put_back_by_a_deployment(code: str) -> None:
    told = explained(refused(code))
    assert told.what == f"Something is gone that the lab needs. GetParameter answered {code}: no such thing"
    assert told.fix == "Put it back: make deploy-local"


def test_refused_call_names_operation_and_reason() -> None:
    told = explained(refused("ThrottlingException", "PutEvents"))
    assert told.what == "The engine refused a call. PutEvents answered ThrottlingException: no such thing"
    assert "deploy" not in told.fix


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
        NoCredentialsError(),
        httpx.ConnectError("Connection refused"),
    ],
)
def test_engine_that_does_not_answer_is_to_be_started(error: httpx.HTTPError) -> None:
    told = explained(error)
    assert told.what == f"The engine does not answer ({error})."
    assert "make up" in told.fix


@pytest.mark.parametrize(
    "error", [refused("ParameterNotFound"), httpx.ConnectError("refused"), NoCredentialsError()]
)
def test_command_tells_an_aws_error_in_two_lines_without_a_traceback(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(raising(error)) == 1
    what, fix = capsys.readouterr().err.splitlines()
    assert what.startswith("error: ")
    assert fix.startswith("  fix: ")


def test_error_of_the_lab_itself_is_not_taken_for_an_aws_error() -> None:
    with pytest.raises(ZeroDivisionError):
        cli.run(raising(ZeroDivisionError()))
