"""Deploys the four stacks to a local engine: bootstrap once, deploy, then run the smoke checks."""

import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from lab.common.results import Result, Verdict
from lab.deployment import cdk, drift
from lab.deployment.stack import Stack
from lab.engines import disk
from lab.engines.choose import present
from lab.engines.clients import Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"


def deploy(aws: Aws, env_name: str, settings: dict[str, str], say: Callable[[str], None]) -> Stack:
    """Bring the engine's stacks to what the code says; unchanged stacks are left alone.

    `aws` comes from `lab.engines.clients.local`, so the account guard has run. Raises LabError when CDK fails or the
    disk is full.
    """
    endpoint = aws.endpoint
    if endpoint is None:
        raise LabError("deploy is for local engines.", "Start one: make up")
    disk.require_room(*disk.WRITTEN_TO)
    context = {"profile": "local", "envName": env_name} | wheels_for(endpoint) | settings
    with ThreadPoolExecutor() as beside:
        bootstrapped = None if _bootstrapped(aws) else beside.submit(cdk.bootstrap, endpoint)
        with _timed("synth" if bootstrapped is None else "synth, bootstrap beside it", say):
            assembly = cdk.synth(endpoint, context)
            if bootstrapped:
                bootstrapped.result()
    if missing := drift.gone(aws, env_name):
        with _timed(f"what was deleted by hand ({', '.join(each.told for each in missing)})", say):
            drift.forget(aws, env_name, missing)
    with _timed("deploy", say):
        cdk.deploy(endpoint, assembly)
    return Stack.read(aws, env_name)


def bootstrap_if_needed(aws: Aws) -> None:
    """Make what CDK needs once in an engine, for whoever deploys another app than the pipeline."""
    if aws.endpoint and not _bootstrapped(aws):
        cdk.bootstrap(aws.endpoint)


def wheels_for(endpoint: str) -> dict[str, str]:
    """The setting without which functions that are processes of another system than Linux find no wheels of theirs."""
    if sys.platform == "linux" or not present(urlsplit(endpoint).port or 0).runs.local_functions:
        return {}
    return {"bundlePlatform": "host"}


def require_passed(found: list[Result]) -> None:
    """Raise LabError unless every smoke check passed."""
    failed = [check for check in found if check.verdict is not Verdict.PROVED]
    if failed:
        raise LabError(
            f"{len(failed)} of {len(found)} smoke checks of the deployment failed: "
            + "; ".join(f"{check.name} ({check.seen})" for check in failed),
            "Start afresh: make down up deploy-local",
        )


def _bootstrapped(aws: Aws) -> bool:
    ssm: SSMClient = aws.client("ssm")
    try:
        ssm.get_parameter(Name=BOOTSTRAP_VERSION)
    except ClientError:
        return False
    return True


@contextmanager
def _timed(what: str, say: Callable[[str], None]) -> Generator[None]:
    say(f"{what} ...")
    start = time.monotonic()
    yield
    say(f"{what} done in {time.monotonic() - start:.1f} s")
