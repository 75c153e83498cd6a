"""Sending a function's AWS calls through a proxy, by the environment variables that every AWS SDK obeys.

`AWS_ENDPOINT_URL_<SERVICE>` in the function's configuration wins over the engine's own endpoint.
"""

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager

from lab.faults.changes import Change, Changes
from lab.faults.runtime_settings import ENDPOINT_VARIABLE, environment_of
from lab.pipeline.observe import Pipeline

SERVICES = ("DYNAMODB", "EVENTBRIDGE", "SQS", "SSM")
"""The services the pipeline's functions call, as the SDKs spell them in variables."""

ROUTED_SECONDS = 600.0


@contextmanager
def routed(
    pipeline: Pipeline,
    functions: Iterable[str],
    endpoint: str,
    services: Iterable[str] = SERVICES,
    *,
    seconds: float = ROUTED_SECONDS,
) -> Generator[None]:
    """Route calls to `endpoint` while the context lasts; new environments of the functions obey it.

    It is a change like every fault: if its maker is killed, the next command undoes it once `seconds` have passed.
    """
    variables = {f"{ENDPOINT_VARIABLE}{service}": endpoint for service in services}
    changes = Changes(pipeline)
    with ExitStack() as all_of_them:
        for name in functions:
            change = Change(environment_of(name), lambda now, _pipeline: now | variables, f"{name} routed")
            all_of_them.enter_context(changes.temporarily(change, why="routing", seconds=seconds))
        yield
