"""`lab aws ...`: synthesize, compare, deploy and destroy the stacks in an AWS account, after asking."""

import json
import os
import sys
from collections.abc import Callable
from typing import Annotated

import boto3
import httpx
import typer
from botocore.exceptions import ProfileNotFound

from infra.settings import EXAMPLE_DOMAIN, SettingError, Settings
from lab.commands.options import Env, console
from lab.commands.scenario import Chosen, Every, entries_of, run_all
from lab.common import paths
from lab.common.output import Line, Terminal, styled
from lab.deployment.aws_account import cdk, concurrency, environments
from lab.deployment.aws_account.account import (
    Caller,
    Consent,
    caller,
    no_such_profile,
    refuse_by_environment,
    require_consent,
)
from lab.deployment.aws_account.plan import (
    StackPlan,
    deployed_stack,
    kept_tables,
    plan,
    require_deployable,
    require_environment,
    templates,
)
from lab.deployment.aws_account.protection import protect_tables
from lab.deployment.aws_account.teardown import (
    Teardown,
    delete,
    forget_failed_creations,
    require_unprotected,
    survey,
    wait_for_names,
)
from lab.deployment.context import Context, settings_of
from lab.deployment.stack import Stack, stack_names
from lab.engines.clients import Aws
from lab.engines.kinds import Kind
from lab.errors import LabError
from lab.faults.healing import deployed
from lab.scenario.live import live
from lab.scenario.runner import Runner

BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
SHOWN = 12
DEPLOY = ("--all", "--require-approval=never", "--progress=events", "--force")
"""With force: a stack whose own template is unchanged may read outputs that another stack has changed."""
AWS_PACE = 5.0
"""Alarms and metrics of AWS are of whole minutes, where the engine's are of ten seconds."""

app = typer.Typer(
    name="aws", help="The AWS target: a real account, never without asking.", no_args_is_help=True
)

Account = Annotated[
    str | None, typer.Option(help="The id of the account that is meant; it must be the caller's.")
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Go on without a question. Needs --account: yes alone confirms nothing.")
]


@app.command()
def synth(env: Env = "dev", context: Context = None) -> None:
    """Write the templates for AWS to .lab/cdk.aws. No credentials are needed, and none are read."""
    settings = _settings(env, context)
    with Terminal(stderr=True).status("synthesizing"):
        cdk.synth(settings, cdk.without_credentials(os.environ.get("AWS_REGION")))
    for name, template in templates(paths.AWS_ASSEMBLY).items():
        say(f"{name}: {len(template['Resources'])} resources")
    say(f"templates, for any account: {paths.AWS_ASSEMBLY.relative_to(paths.ROOT)}")


@app.command()
def diff(env: Env = "dev", context: Context = None, account: Account = None) -> None:
    """Show what a deployment would change, resource by resource, then CDK's own diff. Changes nothing."""
    consent = Consent(account, reads=True)
    session, who = _identify(consent, env)
    require_consent(who, f"read its stacks of {env}", consent, _question())
    settings = _settings(env, context)
    _synthesized(session, who, settings)
    _show(plan(Aws(session, None), paths.AWS_ASSEMBLY))
    _show_settings(Aws(session, None), env, settings)
    options = ["--app", str(paths.AWS_ASSEMBLY), "--all", "--method=template"]
    cdk.run("diff", options, cdk.with_credentials_of(session, who))


@app.command()
def bootstrap(env: Env = "dev", account: Account = None, yes: Yes = False) -> None:
    """Prepare an account and region for CDK, once: a bucket and roles (the stack CDKToolkit)."""
    consent = Consent(account, yes)
    session, who = _identify(consent, env)
    require_consent(who, "create the stack CDKToolkit", consent, _question())
    cdk.run("bootstrap", [f"aws://{who.account}/{who.region}"], cdk.with_credentials_of(session, who))


@app.command()
def deploy(env: Env = "dev", context: Context = None, account: Account = None, yes: Yes = False) -> None:
    """Deploy the four stacks to the account that the credentials are of, after showing it and what changes."""
    consent = Consent(account, yes)
    session, who = _identify(consent, env)
    aws = Aws(session, None)
    settings = _settings(env, context)
    _require_bootstrapped(aws, who)
    _synthesized(session, who, settings)
    plans = plan(aws, paths.AWS_ASSEMBLY)
    require_deployable(plans)
    _show(plans)
    _show_settings(aws, env, settings)
    if not any(stack_plan.changes for stack_plan in plans):
        say("nothing to deploy")
        return
    if EXAMPLE_DOMAIN.search(email := _checked(settings).alarm_email):
        say(
            styled(
                f"alarms would go to {email}, which nobody reads: -c alarmEmail=you@your.company", "yellow"
            )
        )
    _tell_concurrency(aws)
    require_consent(who, f"deploy {env} to it", consent, _question())
    forget_failed_creations(aws, plans, say)
    wait_for_names(aws, plans, say)
    cdk.run("deploy", ["--app", str(paths.AWS_ASSEMBLY), *DEPLOY], cdk.with_credentials_of(session, who))
    protect_tables(aws, kept_tables(paths.AWS_ASSEMBLY))
    stack = Stack.read(aws, env)
    answer = httpx.get(f"{stack.api_url}/health", timeout=30)
    say(f"API {stack.api_url}: GET /health {answer.status_code}")
    say(f"take it away again: make destroy-aws ENV={env}")
    if not answer.is_success:
        raise typer.Exit(1)


@app.command()
def destroy(
    env: Env = "dev",
    account: Account = None,
    yes: Yes = False,
    lose_messages: Annotated[
        bool, typer.Option("--lose-messages", help="Also where queues hold messages, which are lost then.")
    ] = False,
) -> None:
    """Delete the four stacks of an environment, after showing what goes and what stays."""
    consent = Consent(account, yes)
    session, who = _identify(consent, env)
    aws = Aws(session, None)
    found = survey(aws, env)
    if not found.stacks:
        say(f"no stack of {env} is deployed in {who.account} {who.region}")
        return
    _show_teardown(found)
    waiting = {queue: count for queue, count in found.messages.items() if count}
    if waiting and not lose_messages:
        told = ", ".join(f"{count} in {queue}" for queue, count in waiting.items())
        raise LabError(
            f"Messages would be lost: {told}.",
            "Let them be processed, export or redrive them, or say --lose-messages.",
        )
    require_unprotected(found)
    require_consent(who, f"delete {env} from it", consent, _question())
    delete(aws, found, say)
    say(f"deleted: {', '.join(found.stacks)}")


@app.command()
def scenario(
    chosen: Chosen = None,
    every: Every = False,
    env: Env = "dev",
    account: Account = None,
    yes: Yes = False,
) -> None:
    """Run scenarios on a deployment in an AWS account: they send orders to it, break it, and roll that back."""
    consent = Consent(account, yes)
    session, who = _identify(consent, env)
    entries = entries_of(chosen, every=every)
    require_consent(who, f"break its {env} on purpose", consent, _question())
    aws = Aws(session, None)
    _require_breakable(_deployed_settings(aws, env))
    runner = Runner(
        deployed(aws, env),
        Kind("AWS"),
        say,
        watch=lambda experiment, found: live(console, experiment, found),
        pace=AWS_PACE,
    )
    run_all(runner, entries)


def say(line: Line) -> None:
    """One line of output."""
    console.say(line)


def _identify(consent: Consent, env: str) -> tuple[boto3.Session, Caller]:
    """Who acts, after everything that forbids it; shown before anything else is done."""
    refuse_by_environment(os.environ, consent)
    try:
        session = boto3.Session()
        who = caller(session)
    except ProfileNotFound as error:
        raise no_such_profile(os.environ) from error
    say(f"account      {who.account}")
    say(f"region       {who.region}")
    say(f"caller       {who.arn}")
    say(f"environment  {env} ({', '.join(stack_names(env))})")
    return session, who


def _settings(env: str, context: list[str] | None) -> dict[str, str]:
    """The AWS profile's settings: those that the repository keeps for the environment, and over them those of `-c`."""
    settings = environments.chosen(env, settings_of(context))
    _checked(settings)
    return settings


def _checked(settings: dict[str, str]) -> Settings:
    try:
        return Settings.from_context(settings)
    except SettingError as error:
        raise LabError(str(error), "Correct it, then run the command again.") from error


def _synthesized(session: boto3.Session, who: Caller, settings: dict[str, str]) -> None:
    with Terminal(stderr=True).status("synthesizing"):
        cdk.synth(settings, cdk.with_credentials_of(session, who))
    require_environment(paths.AWS_ASSEMBLY, who)


def _tell_concurrency(aws: Aws) -> None:
    """Say what the account's concurrency is too small for. Raises LabError where Lambda would refuse it."""
    wanted = templates(paths.AWS_ASSEMBLY)
    found = [deployed_stack(aws, name) for name in wanted]
    told = concurrency.require_enough(
        concurrency.unreserved(aws),
        concurrency.Asked.by(wanted.values()),
        concurrency.Asked.by(stack.template for stack in found if stack),
    )
    if told:
        say(styled(told, "yellow"))


def _require_bootstrapped(aws: Aws, who: Caller) -> None:
    ssm = aws.client("ssm")
    try:
        ssm.get_parameter(Name=BOOTSTRAP_VERSION)
    except ssm.exceptions.ParameterNotFound as error:
        raise LabError(
            f"Account {who.account} is not prepared for CDK in {who.region}.",
            "Prepare it once: make bootstrap-aws",
        ) from error


def _show(plans: list[StackPlan]) -> None:
    for stack_plan in plans:
        if not stack_plan.changes:
            say(f"{stack_plan.name}: unchanged")
            continue
        what = "changes" if stack_plan.deployed else "new"
        if stack_plan.deployed and not stack_plan.complete:
            what = f"is {stack_plan.status}, deployed again"
        counts = f"+{len(stack_plan.added)} ~{len(stack_plan.changed)} -{len(stack_plan.removed)}"
        say(f"{stack_plan.name}: {what}, {counts}")
        # A new stack is told by its counts: every line of it would be an addition.
        lines: list[Line] = [f"  + {label}" for label in stack_plan.added] if stack_plan.deployed else []
        lines += [f"  ~ {label}" for label in stack_plan.changed]
        lines += [styled(f"  - {label}", "red") for label in stack_plan.removed]
        lines += [f"  ~ output {key}" for key in stack_plan.outputs] if stack_plan.deployed else []
        for line in lines[:SHOWN]:
            say(line)
        if len(lines) > SHOWN:
            say(f"  and {len(lines) - SHOWN} more; all of it: make diff")


def _show_settings(aws: Aws, env: str, settings: dict[str, str]) -> None:
    """Which settings a deployment changes, and which it takes from the command line alone."""
    for difference in environments.differences(_deployed_settings(aws, env), _checked(settings).chosen):
        say(f"setting {difference}")
    kept = {"profile": "aws", "envName": env} | environments.kept(env)
    passing = sorted(f"{name}={value}" for name, value in settings.items() if kept.get(name) != value)
    if passing:
        told = f"kept nowhere, and gone with the next deployment: {', '.join(passing)}; keep it in "
        say(styled(f"{told}infra/environments/{env}.json", "yellow"))


def _deployed_settings(aws: Aws, env: str) -> dict[str, str]:
    """The settings beside the defaults that an environment was last deployed with, completely."""
    stack = deployed_stack(aws, stack_names(env)[-1])
    return json.loads(stack.outputs.get("Settings", "{}")) if stack else {}


def _require_breakable(settings: dict[str, str]) -> None:
    """Raise LabError where scenarios cannot do what they do."""
    reasons = {
        "ingestAuth": "scenarios send orders without credentials",
        "deploymentStrategy": "scenarios change functions, and an alias goes on invoking what they were",
    }
    for name, reason in reasons.items():
        if name in settings:
            raise LabError(
                f"{name}={settings[name]} is deployed: {reason}.", "Run them in an environment without it."
            )


def _show_teardown(found: Teardown) -> None:
    say(f"goes: {', '.join(found.stacks)} with {found.resources} resources")
    for kept in found.kept:
        say(f"stays: {kept}")


def _question() -> Callable[[str], str] | None:
    """How to ask on a terminal; None where nobody sits at one."""
    if not sys.stdin.isatty():
        return None
    return lambda text: str(typer.prompt(text))
