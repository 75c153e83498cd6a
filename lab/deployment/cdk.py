"""Runs cdklocal (aws-cdk-local around the CDK CLI) with an environment that knows nothing but the engine."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.common import paths
from lab.engines import disk, processes
from lab.engines.clients import LOCAL_ACCOUNT, REGION
from lab.engines.direct import without_proxies
from lab.errors import LabError

PASSED_ON = (
    *("HOME", "LANG", "LC_ALL", "TZ", "TERM"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA"),
    *("CDK_HOME", "JSII_RUNTIME_PACKAGE_CACHE_ROOT"),  # set where a home cannot be written to: lab/machine.sh
)
ENVIRONMENT = f"aws://{LOCAL_ACCOUNT}/{REGION}"
SHOWN_ON_FAILURE = 40  # lines
KEPT_ASSEMBLIES = 8
INPUTS = (
    "infra/*.py",
    "infra/cdk.json",
    "infra/components/**/*.py",
    "infra/stacks/**/*.py",
    "functions/**/*",
    "requirements/bundle-*.txt",
    "ops/queries/*",
)
QUIET = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",  # it wants the major versions, separated by commas
}
"""Lets the CDK talk to nobody but whom it is aimed at, and its bridge to Node not complain of Node's version."""

PIPELINE = "infra.app"
"""The module of the application that cdk.json names: the pipeline's four stacks."""

APP_ERROR = "error: "  # begins the one line of infra/app.py about a bad setting or bundle


def bootstrap(endpoint: str) -> None:
    """Make what CDK needs once in an account: a bucket and roles. Needs no app, so none is loaded."""
    elsewhere = paths.LAB / "cdk"
    elsewhere.mkdir(parents=True, exist_ok=True)
    _cdklocal("bootstrap", ENVIRONMENT, endpoint=endpoint, folder=elsewhere)


def synth(endpoint: str, context: Mapping[str, str], app: str = PIPELINE) -> Path:
    """The folder with templates and assets for these settings, made unless it is there and the inputs unchanged.

    `app` is the module of the CDK application. Labs side by side may ask at once, for the same settings or for others:
    one makes a folder, the rest wait for it.
    """
    settings = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
    if app != PIPELINE:
        settings += ["--app", _app_command().replace(PIPELINE, app)]
    assembly = paths.CLOUD_ASSEMBLIES / _digest_of_inputs(settings)[:16]
    assembly.parent.mkdir(parents=True, exist_ok=True)
    with (assembly.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not assembly.exists():
            _forget_old_assemblies()
            unfinished = assembly.parent / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _cdklocal("synth", "--quiet", "--output", str(unfinished), *settings, endpoint=endpoint)
            unfinished.rename(assembly)
        assembly.touch()
    return assembly


def deploy(endpoint: str, assembly: Path) -> None:
    """Deploy what was synthesized into that folder."""
    options = ("--all", "--require-approval=never", "--method=direct", "--concurrency=4")
    _cdklocal("deploy", "--app", str(assembly), *options, endpoint=endpoint)


def deploy_app(endpoint: str, folder: Path, app: str) -> None:
    """Deploy every stack of somebody's own CDK application: `app` is the command that `folder` begins it with."""
    options = (
        "--app",
        app,
        "--all",
        "--require-approval=never",
        "--method=direct",
        "--output",
        str(folder / "cdk.out"),
    )
    _cdklocal("deploy", *options, endpoint=endpoint, folder=folder)


def _app_command() -> str:
    return json.loads((paths.INFRA / "cdk.json").read_text(encoding="utf-8"))["app"]


def _forget_old_assemblies() -> None:
    made = [folder for folder in paths.CLOUD_ASSEMBLIES.iterdir() if folder.is_dir()]
    for folder in sorted(made, key=lambda folder: folder.stat().st_mtime)[:-KEPT_ASSEMBLIES]:
        shutil.rmtree(folder)


def _digest_of_inputs(settings: Sequence[str]) -> str:
    """A digest of all that a synth reads: settings, app, function code, their locks, saved queries."""
    digest = hashlib.sha256("\0".join(settings).encode())
    for pattern in INPUTS:
        for file in sorted(paths.ROOT.glob(pattern)):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\0{file.relative_to(paths.ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _cdklocal(command: str, *arguments: str, endpoint: str, folder: Path = paths.INFRA) -> None:
    """Run one cdklocal command. Raises LabError with its last lines or with the app's own one line."""
    node = paths.ENVIRONMENTS / "node" / "bin" / "node"
    wrapper = paths.INFRA / "node_modules" / "aws-cdk-local" / "bin" / "cdklocal"
    done = subprocess.run(  # noqa: S603  the lab's own command line
        [str(node), str(wrapper), command, *arguments],
        cwd=folder,
        env=_environment(endpoint),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        disk.require_room(*disk.WRITTEN_TO)  # an engine on a full disk answers with errors that do not say so
        raise _failure(command, done.stdout.splitlines())


def _environment(endpoint: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    kept = without_proxies(kept) | processes.mark(endpoint)
    node = paths.ENVIRONMENTS / "node" / "bin"
    return kept | {
        "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENVAR_ALLOWLIST": "AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY,AWS_REGION,AWS_DEFAULT_REGION",
        "NO_COLOR": "1",
        **QUIET,
    }


def _failure(command: str, output: Sequence[str]) -> LabError:
    told = next((line for line in output if line.startswith(APP_ERROR)), None)
    if told:
        return LabError(told.removeprefix(APP_ERROR), "Correct it, then run the command again.")
    return LabError(
        f"cdklocal {command} failed.",
        "Read its last lines below; if the engine is at fault, start afresh: make down up deploy-local",
        details="\n".join(output[-SHOWN_ON_FAILURE:]),
    )
