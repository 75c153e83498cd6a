"""Errors of AWS and of the way there, for a person: one line, and the command that helps."""

from botocore.exceptions import BotoCoreError, ClientError
from httpx import HTTPError

from lab.errors import LabError

AWS_ERRORS = (BotoCoreError, ClientError, HTTPError)
"""What AWS and HTTP clients raise when the engine, or what was deployed to it, is gone or refuses."""

GONE = ("NotFound", "DoesNotExist", "NonExistent", "NoSuch")
"""One of these is in the code of every error about a resource that is not there, whatever the service."""


def is_gone(error: ClientError) -> bool:
    """Whether AWS says that what was asked for is not there."""
    return any(word in error.response.get("Error", {}).get("Code", "") for word in GONE)


def explained(error: BotoCoreError | ClientError | HTTPError) -> LabError:
    """The error for a person."""
    if not isinstance(error, ClientError):
        return LabError(
            f"The engine does not answer ({error}).", "See its state: make status. Start it: make up"
        )
    told = error.response.get("Error", {})
    code = told.get("Code", "")
    answer = f"{error.operation_name} answered {code}: {told.get('Message', '')}"
    if is_gone(error):
        return LabError(f"Something is gone that the lab needs. {answer}", "Put it back: make deploy-local")
    return LabError(f"The engine refused a call. {answer}", "See what is wrong: make doctor")
