"""Runs cdklocal (aws-cdk-local around the CDK CLI) with an environment that knows nothing but the engine."""

import os
import subprocess
from collections.abc import Mapping, Sequence

from lab import paths
from lab.errors import LabError

PASSED_ON = ("HOME", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "TERM")
SHOWN_ON_FAILURE = 40  # lines


def cdklocal(command: str, *arguments: str, endpoint: str, context: Mapping[str, str]) -> str:
    """Run one cdklocal command in `infra/` and return what it printed.

    Raises LabError with the CLI's last lines, or with the one line of a rejected setting.
    """
    node = paths.ENVIRONMENTS / "node" / "bin" / "node"
    wrapper = paths.INFRA / "node_modules" / "aws-cdk-local" / "bin" / "cdklocal"
    settings = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
    done = subprocess.run(  # noqa: S603  the lab's own command line
        [str(node), str(wrapper), command, *arguments, *settings],
        cwd=paths.INFRA,
        env=_environment(endpoint),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _failure(command, done.stdout.splitlines())
    return done.stdout


def _environment(endpoint: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    node = paths.ENVIRONMENTS / "node" / "bin"
    return kept | {
        "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENVAR_ALLOWLIST": "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_REGION,AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        "NO_COLOR": "1",
    }


def _failure(command: str, output: Sequence[str]) -> LabError:
    rejected = next((line for line in output if line.startswith("setting ")), None)
    if rejected:
        return LabError(f"A setting was rejected: {rejected}", "Correct it, then run the command again.")
    return LabError(
        f"cdklocal {command} failed.",
        "Read its last lines below; if the engine is at fault, start afresh: make down up deploy-local",
        details="\n".join(output[-SHOWN_ON_FAILURE:]),
    )
