"""Clients of the engine, behind a guard: nothing local may ever reach a real AWS account."""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from lab.common.output import Terminal
from lab.engines.direct import NO_PROXIES
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

LOCAL_ACCOUNT = "000000000000"
REGION = "us-east-1"
REAL_ACCESS_KEY = re.compile(r"(AKIA|ASIA)[A-Z0-9]{16}")
LOCAL_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
"""LocalStack takes any."""

REAL_CREDENTIALS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE")


@dataclass(frozen=True)
class Aws:
    """Where calls go: `endpoint` None means AWS itself, else the engine's URL."""

    session: boto3.Session
    endpoint: str | None

    def client(self, service: Any, **config: Any) -> Any:
        """A boto3 client, which callers annotate with its type. Time-outs are short: engines are near."""
        usual: dict[str, Any] = {
            "connect_timeout": 2,
            "read_timeout": 60,
            "retries": {"total_max_attempts": 3, "mode": "standard"},
            "max_pool_connections": 32,
        }
        if self.endpoint is not None:
            usual["proxies"] = NO_PROXIES
        options = Config(**usual | config)
        session: Any = self.session  # its overloads by service name cannot take a name that is a variable
        return session.client(service, endpoint_url=self.endpoint, config=options)


def local(endpoint: str) -> Aws:
    """Clients of the engine at `endpoint`.

    Raises LabError unless the endpoint is on loopback and answers with LocalStack's account 000000000000.
    Credentials of the environment that could be real are taken out of it first.
    """
    set_aside_real_credentials(os.environ)
    require_loopback(endpoint)
    aws = Aws(_session(), endpoint)
    _require_local_account(aws)
    return aws


@cache
def _session() -> boto3.Session:
    """The session of all clients of engines, as reading a service's model again for each would take 50 ms.

    No profile has a say in it, not even one that AWS_DEFAULT_PROFILE names and that is not there.
    """
    return boto3.Session(
        aws_access_key_id=LOCAL_KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=LOCAL_KEYS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
        botocore_session=botocore.session.Session(session_vars={"profile": (None, None, None, None)}),
    )


def real_credentials(environment: Mapping[str, str]) -> list[str]:
    """The variables whose credentials could belong to a real account."""
    found = [name for name in REAL_CREDENTIALS if environment.get(name)]
    if REAL_ACCESS_KEY.fullmatch(environment.get("AWS_ACCESS_KEY_ID", "")):
        found += ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    return found


def set_aside_real_credentials(environment: MutableMapping[str, str]) -> None:
    """Take credentials that could be real out of this process's environment, and of its children's, and say so once."""
    found = real_credentials(environment)
    for name in found:
        environment.pop(name, None)
    if found:
        Terminal(stderr=True).say(f"not used here, where everything is local: {', '.join(found)}")


def require_loopback(endpoint: str) -> None:
    """Raise LabError unless the URL's host has no address but loopback ones."""
    host = urlsplit(endpoint).hostname or ""
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        addresses = set[str | int]()
    if not addresses or not all(ipaddress.ip_address(address).is_loopback for address in addresses):
        raise LabError(
            f"{endpoint} is not on this machine's loopback.", "Use an engine started with: make up"
        )


def _require_local_account(aws: Aws) -> None:
    sts: STSClient = aws.client("sts")
    try:
        account = sts.get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise LabError(f"The engine at {aws.endpoint} does not answer ({error}).", "Run: make up") from error
    if account != LOCAL_ACCOUNT:
        raise LabError(
            f"{aws.endpoint} answers for account {account}, not for LocalStack's {LOCAL_ACCOUNT}.",
            "Stop whatever serves there, then run: make up",
        )
