"""The baseline in place of the lab's functions, and back."""

import io
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from lab.common.polling import wait_until_updated
from lab.engines.direct import DIRECT
from lab.pipeline.observe import Pipeline
from loadtests.benchmarks.mapping import Mapping

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SOURCE = Path(__file__).resolve().parent.parent / "baseline" / "handlers.py"


@contextmanager
def baseline_deployed(pipeline: Pipeline, *, concurrency: int | None = None) -> Generator[None]:
    """Ingest and worker run the baseline while the context lasts; afterwards everything is as it was.

    `concurrency` is the mapping's MaximumConcurrency meanwhile; None leaves it as the lab's stack has it.
    """
    client: LambdaClient = pipeline.aws.client("lambda")
    stack = pipeline.stack
    mapping = Mapping(pipeline)
    wanted = {stack.ingest_function_name: "handlers.ingest", stack.worker_function_name: "handlers.worker"}
    kept = {name: _code_and_handler(client, name) for name in wanted}
    kept_concurrency = mapping.maximum_concurrency
    try:
        for name, handler in wanted.items():
            _replace(client, name, archive(), handler)
        if concurrency is not None:
            mapping.limit(concurrency)
        yield
    finally:
        if concurrency is not None:
            mapping.limit(kept_concurrency)
        for name, (code, handler) in kept.items():
            _replace(client, name, code, handler)


def _code_and_handler(client: "LambdaClient", name: str) -> tuple[bytes, str]:
    found = client.get_function(FunctionName=name)
    location = found["Code"].get("Location", "")
    code = httpx.get(location, timeout=30, **DIRECT).raise_for_status().content
    return code, found["Configuration"].get("Handler", "")


def archive() -> bytes:
    """The baseline's code, as Lambda takes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(SOURCE.name, SOURCE.read_text())
    return buffer.getvalue()


def _replace(client: "LambdaClient", name: str, code: bytes, handler: str) -> None:
    client.update_function_code(FunctionName=name, ZipFile=code)
    wait_until_updated(client, name)
    client.update_function_configuration(FunctionName=name, Handler=handler)
    wait_until_updated(client, name)
