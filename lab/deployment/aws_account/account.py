"""Whose account it is, and the consent of the person who named it. Everything here refuses before anything is done."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from lab.engines.clients import LOCAL_ACCOUNT, Aws
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

ENDPOINT_OVERRIDE = re.compile(r"AWS_ENDPOINT_URL(_[A-Z0-9_]+)?")
AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")
LOCALSTACK_KEYS = ("test", "mock", "LKIAQAAAAAAAAAAAAAAA")


@dataclass(frozen=True)
class Caller:
    """Who acts, and where."""

    account: str
    region: str
    arn: str


@dataclass(frozen=True)
class Consent:
    """What was said on the command line: the account by its id, and whether to go on without a question.

    `reads` is a command that changes nothing: for it the account's name is consent enough.
    """

    account: str | None = None
    yes: bool = False
    reads: bool = False

    @property
    def given(self) -> bool:
        """Whether there is nothing left to ask."""
        return bool(self.account) and (self.yes or self.reads)


def refuse_by_environment(environment: Mapping[str, str], consent: Consent) -> None:
    """Raise LabError where the environment is a local lab's, or a CI job's that nobody aimed at an account."""
    overrides = sorted(
        name for name in environment if ENDPOINT_OVERRIDE.fullmatch(name) and environment[name]
    )
    if overrides:
        raise LabError(
            f"The environment sends AWS calls elsewhere ({', '.join(overrides)}); the AWS target refuses to run.",
            f"Run it without them: env {' '.join(f'-u {name}' for name in overrides)} make ...",
        )
    if environment.get("AWS_ACCESS_KEY_ID") in LOCALSTACK_KEYS:
        raise LabError(
            "The environment holds LocalStack's credentials (AWS_ACCESS_KEY_ID).",
            "For an engine on this machine: make deploy-local. For AWS: env -u AWS_ACCESS_KEY_ID ... AWS_PROFILE=...",
        )
    if consent.yes and not consent.account:
        raise LabError(
            "--yes alone confirms nothing: it does not say which account is meant.",
            "Name it: make ... YES=1 ACCOUNT=123456789012",
        )
    if environment.get("CI") and not consent.given:
        raise LabError(
            "This is a CI job (CI is set), where nobody can be asked.",
            "Name the account and say yes to it: make ... YES=1 ACCOUNT=123456789012",
        )


def no_such_profile(environment: Mapping[str, str]) -> LabError:
    """What to say where boto3 does not find the profile that the environment names."""
    looked_at = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")  # in botocore's order
    name = next(variable for variable in looked_at if environment.get(variable))
    return LabError(
        f"{name} names a profile that is not there: {environment[name]}.",
        "See those there are: aws configure list-profiles; then AWS_PROFILE=... make ...",
    )


def caller(session: boto3.Session) -> Caller:
    """Ask STS who acts. Raises LabError unless that is somebody in a real account, asked of AWS itself."""
    region = session.region_name
    if not region:
        raise LabError("No AWS region is chosen.", "Choose one: AWS_REGION=eu-central-1 make ...")
    aws = Aws(session, None)
    try:
        sts: STSClient = aws.client("sts")
        _require_aws(sts.meta.endpoint_url)
        identity = sts.get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise LabError(
            f"AWS does not say who you are: {error}.",
            "Sign in first, for example: aws sso login; then AWS_PROFILE=... make ...",
        ) from error
    account = identity["Account"]
    if account == LOCAL_ACCOUNT or not re.fullmatch(r"\d{12}", account):
        raise LabError(
            f"Account {account} is LocalStack's, not one of AWS.",
            "For an engine on this machine: make deploy-local",
        )
    return Caller(account, region, identity["Arn"])


def _require_aws(endpoint: str) -> None:
    """A shared configuration file may override endpoints, too."""
    host = urlsplit(endpoint).hostname or ""
    if not host.endswith(AWS_HOSTS):
        raise LabError(
            f"AWS calls would go to {host}: a configuration file overrides the endpoint.",
            "Use a profile without endpoint_url: AWS_PROFILE=... make ...",
        )


def require_consent(who: Caller, what: str, consent: Consent, ask: Callable[[str], str] | None) -> None:
    """Raise LabError unless a person meant this account: typed its id at the question, or named it beforehand.

    `ask` is None where nobody can be asked.
    """
    if consent.account and consent.account != who.account:
        raise LabError(
            f"You named account {consent.account}, but these credentials are of account {who.account} ({who.arn}).",
            "Switch the credentials (AWS_PROFILE), or correct ACCOUNT.",
        )
    if consent.given:
        return
    if ask is None:
        raise LabError(
            f"Nobody can be asked whether to {what}.",
            f"Say it beforehand: make ... YES=1 ACCOUNT={who.account}",
        )
    if ask(f"Type the account's id to {what}") != who.account:
        raise LabError(
            "That is not the account's id: nothing was done.", f"It is {who.account}; run it again."
        )
