"""`lab env`: a shell that speaks with the pipeline."""

import json
import os
import shlex
from typing import Annotated

import typer

from lab.commands.options import Env, Port
from lab.common import paths
from lab.engines.clients import LOCAL_KEYS, REAL_CREDENTIALS, REGION
from lab.faults.healing import connect
from lab.pipeline.api import Api
from lab.pipeline.observe import Pipeline


def env(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object instead of shell commands.")
    ] = False,
    port: Port = 4566,
    env: Env = "dev",
) -> None:
    """Print a shell's variables for the deployed pipeline: endpoint, dummy keys, API, queues, redrive token.

    With them `aws`, curl and boto3 speak with the engine and with no account.
    """
    pipeline, _ = connect(port, env)
    variables = variables_of(pipeline, port, env)
    if as_json:
        print(json.dumps(variables, indent=2))  # noqa: T201  for other programs
        return
    print(f"unset {' '.join(REAL_CREDENTIALS)}")  # noqa: T201
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")  # noqa: T201
    print(f'export PATH={shlex.quote(str(paths.LAB / "bin"))}{os.pathsep}"$PATH"')  # noqa: T201


def variables_of(pipeline: Pipeline, port: int, env: str) -> dict[str, str]:
    """The variables by name."""
    stack = pipeline.stack
    with Api(pipeline.aws, stack) as api:
        token = api.redrive_token()
    return {
        "LAB_PORT": str(port),
        "ENV": env,
        "AWS_ENDPOINT_URL": pipeline.aws.endpoint or "",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **LOCAL_KEYS,
        "API_URL": stack.api_url,
        "QUEUE_URL": stack.queue_url,
        "DLQ_URL": stack.dlq_url,
        "WORKER_MAPPING_ID": stack.worker_event_source_mapping_id,
        "REDRIVE_TOKEN": token,
    }
