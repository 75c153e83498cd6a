"""The CDK CLI aimed at AWS, with the credentials of the caller who was shown, and no others."""

import os
import subprocess
from collections.abc import Mapping, Sequence

import boto3

from lab.common import paths
from lab.deployment.aws_account.account import Caller
from lab.deployment.cdk import APP_ERROR, PASSED_ON, QUIET
from lab.errors import LabError

PROXIES = tuple(
    spelt for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for spelt in (name, name.lower())
)
"""The user's own, which calls to AWS go through."""
ANYWHERE = "us-east-1"
"""The region of templates that were synthesized without an account."""

_NO_CONFIGURATION = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def without_credentials(region: str | None) -> dict[str, str]:
    """An environment in which CDK knows no account: what it synthesizes is for any."""
    return _NO_CONFIGURATION | {"AWS_REGION": region or ANYWHERE}


def with_credentials_of(session: boto3.Session, who: Caller) -> dict[str, str]:
    """An environment in which CDK is the caller, whatever a profile or a file says by the time it looks."""
    credentials = session.get_credentials()
    if credentials is None:
        raise LabError("The credentials are gone.", "Sign in again, then run the command again.")
    frozen = credentials.get_frozen_credentials()
    token = {"AWS_SESSION_TOKEN": frozen.token} if frozen.token else {}
    return (
        _NO_CONFIGURATION
        | {
            "AWS_ACCESS_KEY_ID": str(frozen.access_key),
            "AWS_SECRET_ACCESS_KEY": str(frozen.secret_key),
            "AWS_REGION": who.region,
        }
        | token
    )


def synth(settings: Mapping[str, str], identity: Mapping[str, str]) -> None:
    """Write templates and assets to `.lab/cdk.aws`. Raises LabError with the app's one line where it refuses."""
    context = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    done = _run(["synth", "--quiet", "--output", str(paths.AWS_ASSEMBLY), *context], identity, shown=False)
    if done.returncode:
        output = done.stdout.splitlines()
        told = next((line for line in output if line.startswith(APP_ERROR)), None)
        raise LabError(
            told.removeprefix(APP_ERROR) if told else "cdk synth failed.",
            "Correct it, then run the command again.",
            details="" if told else "\n".join(output[-40:]),
        )


def run(command: str, arguments: Sequence[str], identity: Mapping[str, str]) -> None:
    """Run a command of the CDK CLI with its output on the terminal. Raises LabError where it fails."""
    done = _run([command, *arguments], identity, shown=True)
    if done.returncode:
        raise LabError(f"cdk {command} ended with exit code {done.returncode}.", "Read what it says above.")


def _run(
    arguments: Sequence[str], identity: Mapping[str, str], *, shown: bool
) -> subprocess.CompletedProcess[str]:
    node = paths.ENVIRONMENTS / "node" / "bin"
    kept = {name: os.environ[name] for name in (*PASSED_ON, *PROXIES, "AWS_CA_BUNDLE") if name in os.environ}
    path = {"PATH": f"{node}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run(  # noqa: S603  the lab's own command line
        [str(node / "node"), str(paths.INFRA / "node_modules" / "aws-cdk" / "bin" / "cdk"), *arguments],
        cwd=paths.INFRA,
        env=kept | path | QUIET | dict(identity),
        stdin=subprocess.DEVNULL,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
        check=False,
    )
