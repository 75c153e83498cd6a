"""The AWS target: nobody reaches a real account without naming it. Nothing here leaves this machine."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from lab.cli import app, run
from lab.commands import aws as cli
from lab.common import paths
from lab.deployment.aws_account import account, cdk
from lab.deployment.aws_account.account import Caller, Consent
from lab.deployment.aws_account.plan import StackPlan, mailed, plan, require_environment
from lab.deployment.aws_account.teardown import Teardown, delete, survey
from lab.errors import LabError

ACCOUNT, OTHER = "123456789012", "210987654321"
WHO = Caller(ACCOUNT, "eu-central-1", f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/somebody")
REFUSALS = [
    (
        {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
        Consent(),
        "sends AWS calls elsewhere (AWS_ENDPOINT_URL)",
    ),
    ({"AWS_ENDPOINT_URL_S3": "http://x"}, Consent(ACCOUNT, yes=True), "(AWS_ENDPOINT_URL_S3)"),
    ({"AWS_ACCESS_KEY_ID": "test"}, Consent(), "LocalStack's credentials"),
    ({}, Consent(yes=True), "--yes alone confirms nothing"),
    ({"CI": "true"}, Consent(), "This is a CI job"),
    ({"CI": "1"}, Consent(ACCOUNT), "This is a CI job"),
]


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, from nowhere."""
    for name in [name for name in os.environ if name.startswith("AWS_")] + ["CI"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_REGION", WHO.region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", WHO.region)


class FakeSession:
    """A session whose STS answers for an account."""

    region_name: str | None = WHO.region

    def __init__(self, of: str = ACCOUNT, endpoint: str = "https://sts.eu-central-1.amazonaws.com") -> None:
        self.asked = 0
        self._of, self._endpoint = of, endpoint

    def client(self, service: str, **_: Any) -> Any:
        def identity() -> dict[str, str]:
            self.asked += 1
            return {"Account": self._of, "Arn": WHO.arn}

        return SimpleNamespace(
            meta=SimpleNamespace(endpoint_url=self._endpoint), get_caller_identity=identity
        )


def caller_of(session: Any) -> Caller:
    return account.caller(session)


@pytest.mark.parametrize(("environment", "consent", "said"), REFUSALS, ids=lambda value: str(value)[:40])
def test_an_environment_that_is_not_meant_for_aws_is_refused_with_the_way_out(
    environment: dict[str, str], consent: Consent, said: str
) -> None:
    with pytest.raises(LabError) as refused:
        account.refuse_by_environment(environment, consent)
    assert said in refused.value.what
    assert "make" in refused.value.fix


@pytest.mark.parametrize(
    ("environment", "consent"),
    [({}, Consent()), ({"CI": ""}, Consent()), ({"CI": "true"}, Consent(ACCOUNT, yes=True))],
)
def test_a_person_may_go_on_and_so_may_a_ci_job_that_names_the_account(
    environment: dict[str, str], consent: Consent
) -> None:
    account.refuse_by_environment(environment, consent)


def test_the_caller_is_the_identity_that_sts_returns() -> None:
    assert caller_of(FakeSession()) == WHO


@pytest.mark.parametrize("of", ["000000000000", "123", ""])
def test_an_account_that_aws_does_not_have_is_refused(of: str) -> None:
    with pytest.raises(LabError, match="is LocalStack's"):
        caller_of(FakeSession(of))


@pytest.mark.parametrize(
    "endpoint", ["http://localhost:4566", "https://sts.amazonaws.com.evil.example", "http://127.0.0.1:4566"]
)
def test_an_endpoint_that_is_not_aws_s_is_refused_before_it_is_asked(endpoint: str) -> None:
    session = FakeSession(endpoint=endpoint)
    with pytest.raises(LabError, match="overrides the endpoint"):
        caller_of(session)
    assert session.asked == 0


def test_a_configuration_file_that_overrides_the_endpoint_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[default]\nregion = us-east-1\nendpoint_url = http://127.0.0.1:4566\n")
    with pytest.raises(LabError, match=r"would go to 127\.0\.0\.1"):
        account.caller(boto3.Session())


def test_a_caller_without_credentials_is_refused_with_the_fix() -> None:
    with pytest.raises(LabError, match="does not say who you are") as refused:
        account.caller(boto3.Session())
    assert "aws sso login" in refused.value.fix


def test_a_region_has_to_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession()
    session.region_name = None
    with pytest.raises(LabError, match="No AWS region is chosen"):
        caller_of(session)


def typed(text: str) -> Callable[[str], str]:
    return lambda _question: text


@pytest.mark.parametrize(
    ("consent", "ask"),
    [(Consent(ACCOUNT, yes=True), None), (Consent(), typed(ACCOUNT)), (Consent(ACCOUNT), typed(ACCOUNT))],
    ids=["named with yes", "typed", "named and typed"],
)
def test_naming_the_account_is_consent(consent: Consent, ask: Callable[[str], str] | None) -> None:
    account.require_consent(WHO, "deploy", consent, ask)


@pytest.mark.parametrize(
    ("consent", "ask", "said"),
    [
        (Consent(OTHER, yes=True), None, f"You named account {OTHER}"),
        (Consent(OTHER), typed(ACCOUNT), f"You named account {OTHER}"),
        (Consent(), None, "Nobody can be asked"),
        (Consent(ACCOUNT), None, "Nobody can be asked"),
        (Consent(), typed("yes"), "not the account's id"),
        (Consent(), typed(OTHER), "not the account's id"),
    ],
    ids=[
        "another one, with --yes",
        "another one, beside typing the right one",
        "none, and nobody can type",
        "the right one, without --yes, and nobody can type",
        "by typing yes",
        "by typing another one",
    ],
)
def test_a_wrong_or_missing_account_is_not_consent(
    consent: Consent, ask: Callable[[str], str] | None, said: str
) -> None:
    with pytest.raises(LabError, match=said):
        account.require_consent(WHO, "deploy", consent, ask)


def test_naming_the_account_is_enough_to_read() -> None:
    account.refuse_by_environment({"CI": "true"}, Consent(ACCOUNT, reads=True))
    account.require_consent(WHO, "read", Consent(ACCOUNT, reads=True), None)
    with pytest.raises(LabError, match="Nobody can be asked"):
        account.require_consent(WHO, "read", Consent(reads=True), None)


class FakeAws:
    """CloudFormation with some stacks, and SQS with some queues."""

    def __init__(self, stacks: dict[str, dict[str, Any]], messages: dict[str, int] | None = None) -> None:
        self.stacks, self.messages = stacks, messages or {}
        self.deleted: list[str] = []
        self.undeletable = ""

    def client(self, service: str) -> Any:
        return {
            "cloudformation": SimpleNamespace(
                get_template=self._template, delete_stack=self._delete, get_waiter=lambda _: self
            ),
            "sqs": SimpleNamespace(get_queue_url=self._url, get_queue_attributes=self._attributes),
        }[service]

    def wait(self, StackName: str, WaiterConfig: Any) -> None:  # noqa: N803
        if StackName == self.undeletable:
            raise WaiterError("StackDeleteComplete", "it is in use", {})

    def _template(self, StackName: str) -> Any:  # noqa: N803
        if StackName not in self.stacks:
            message = f"Stack with id {StackName} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "GetTemplate")
        return {"TemplateBody": self.stacks[StackName]}

    def _delete(self, StackName: str) -> None:  # noqa: N803
        self.deleted.append(StackName)

    def _url(self, QueueName: str) -> Any:  # noqa: N803
        return {"QueueUrl": QueueName}

    def _attributes(self, QueueUrl: str, AttributeNames: Any) -> Any:  # noqa: N803
        return {
            "Attributes": {"ApproximateNumberOfMessages": str(self.messages.get(QueueUrl, 0)), "Other": "x"}
        }


def resource(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {"Type": kind, "Metadata": {"aws:cdk:path": f"stack/{path}"}, **more}


def assembly(folder: Path, environment: str, **resources: dict[str, Any]) -> Path:
    manifest = {
        "artifacts": {
            "ingestion-dev-queue": {
                "type": "aws:cloudformation:stack",
                "environment": environment,
                "properties": {"templateFile": "queue.json"},
            },
            "assets": {"type": "cdk:asset-manifest"},
        }
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "queue.json").write_text(json.dumps({"Resources": resources}))
    return folder


def test_a_plan_lists_added_changed_and_removed_resources(tmp_path: Path) -> None:
    wanted = assembly(
        tmp_path,
        "aws://unknown-account/unknown-region",
        Queue=resource("AWS::SQS::Queue", "Orders/Resource", Properties={"VisibilityTimeout": 30}),
        Same=resource("AWS::SNS::Topic", "Topic/Resource"),
        New=resource("AWS::IAM::Role", "Role/Resource"),
    )
    deployed = {
        "Resources": {
            "Queue": resource("AWS::SQS::Queue", "Orders/Resource", Properties={"VisibilityTimeout": 60}),
            "Same": {"Type": "AWS::SNS::Topic", "Metadata": {"aws:cdk:path": "elsewhere"}},
            "Old": resource("AWS::KMS::Key", "Key/Resource"),
        }
    }
    aws: Any = FakeAws({"ingestion-dev-queue": deployed})
    assert plan(aws, wanted) == [
        StackPlan(
            "ingestion-dev-queue",
            deployed=True,
            added=["AWS::IAM::Role Role"],
            removed=["AWS::KMS::Key Key"],
            changed=["AWS::SQS::Queue Orders"],
        )
    ]


def test_a_stack_that_is_not_there_is_new_as_a_whole(tmp_path: Path) -> None:
    wanted = assembly(tmp_path, "aws://a/b", Queue=resource("AWS::SQS::Queue", "Orders"))
    nothing: Any = FakeAws({})
    (one,) = plan(nothing, wanted)
    assert (one.deployed, one.changes, one.added) == (False, True, ["AWS::SQS::Queue Orders"])


def test_the_addresses_of_the_alarms_are_those_of_the_templates(tmp_path: Path) -> None:
    """A setting kept in cdk.json is not typed with the command, and counts as well."""
    kept = resource(
        "AWS::SNS::Subscription", "Mail", Properties={"Protocol": "email", "Endpoint": "ops@example.org"}
    )
    other = resource(
        "AWS::SNS::Subscription", "Other", Properties={"Protocol": "https", "Endpoint": "https://example.org"}
    )
    assert mailed(assembly(tmp_path, "aws://1/x", Kept=kept, Other=other)) == {"ops@example.org"}


def test_templates_of_another_account_are_not_deployed(tmp_path: Path) -> None:
    require_environment(assembly(tmp_path, f"aws://{ACCOUNT}/{WHO.region}"), WHO)
    for environment in (
        f"aws://{OTHER}/{WHO.region}",
        f"aws://{ACCOUNT}/us-east-1",
        "aws://unknown-account/x",
    ):
        with pytest.raises(LabError, match="was synthesized for"):
            require_environment(assembly(tmp_path, environment), WHO)


STATEFUL = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "Properties": {"TableName": "orders"},
        },
        "Dlq": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "orders-dlq"}},
    }
}


def test_a_teardown_lists_kept_resources_and_messages_that_would_be_lost() -> None:
    aws: Any = FakeAws(
        {"ingestion-dev-queue": STATEFUL, "ingestion-dev-api": {"Resources": {}}}, {"orders-dlq": 3}
    )
    found = survey(aws, "dev")
    assert found.stacks == ["ingestion-dev-api", "ingestion-dev-queue"]
    assert found.kept == ["AWS::DynamoDB::Table orders"]
    assert found.messages == {"orders-dlq": 3}


def test_stacks_are_deleted_one_after_the_other_and_the_first_failure_ends_it() -> None:
    aws: Any = FakeAws({})
    aws.undeletable = "b"
    with pytest.raises(LabError, match="The stack b was not deleted"):
        delete(aws, ["a", "b", "c"])
    assert aws.deleted == ["a", "b"]


class Deployment:
    """The command `deploy` with everything behind it replaced by a record of what was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.messages: dict[str, int] = {}
        session = SimpleNamespace(get_credentials=lambda: None, client=lambda *_, **__: SimpleNamespace())
        monkeypatch.setattr(cli.boto3, "Session", lambda: session)
        monkeypatch.setattr(cli, "caller", lambda _session: WHO)
        monkeypatch.setattr(cli, "_require_bootstrapped", lambda *_: None)
        monkeypatch.setattr(cli, "_tell_concurrency", lambda *_: None)
        monkeypatch.setattr(cli, "_synthesized", lambda *_: self.calls.append("synth"))
        monkeypatch.setattr(cli, "plan", self._plan)
        monkeypatch.setattr(cli, "mailed", lambda _assembly: {"devops@example.com"})
        monkeypatch.setattr(cli, "survey", self._survey)
        monkeypatch.setattr(cli, "delete", lambda _aws, stacks: self.calls.append(f"delete {stacks}"))
        monkeypatch.setattr(cli.cdk, "with_credentials_of", lambda *_: {})
        monkeypatch.setattr(cli.cdk, "run", lambda command, *_: self.calls.append(f"cdk {command}"))
        monkeypatch.setattr(cli.Stack, "read", lambda *_: SimpleNamespace(api_url="https://api"))
        monkeypatch.setattr(
            cli.httpx, "get", lambda *_, **__: SimpleNamespace(status_code=200, is_success=True)
        )

    def _plan(self, *_: Any) -> list[StackPlan]:
        self.calls.append("plan")
        return [StackPlan("ingestion-dev-queue", deployed=False, added=["AWS::SQS::Queue Orders"])]

    def _survey(self, *_: Any) -> Teardown:
        return Teardown(["ingestion-dev-queue"], 2, ["AWS::DynamoDB::Table orders"], self.messages)


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Deployment:
    return Deployment(monkeypatch)


def test_a_deployment_shows_account_region_caller_environment_and_changes_before_it_asks(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def ask(_question: str) -> str:
        seen.append(capsys.readouterr().out)
        assert deployment.calls == ["synth", "plan"]
        return ACCOUNT

    monkeypatch.setattr(cli, "_question", lambda: ask)
    cli.deploy("dev", None, None, yes=False)
    assert deployment.calls == ["synth", "plan", "cdk deploy"]
    for told in (ACCOUNT, WHO.region, WHO.arn, "environment  dev", "ingestion-dev-queue: new, +1"):
        assert told in seen[0]
    assert "alarms would go to devops@example.com" in seen[0]


def test_a_plan_that_lambda_would_refuse_is_not_asked_about(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_aws: Any) -> None:
        raise LabError("too much", "choose less")

    monkeypatch.setattr(cli, "_tell_concurrency", refuse)
    monkeypatch.setattr(cli, "_question", lambda: pytest.fail("asked"))
    with pytest.raises(LabError, match="too much"):
        cli.deploy("dev", None, None, yes=False)
    assert deployment.calls == ["synth", "plan"]


@pytest.mark.parametrize("answer", ["", "yes", OTHER])
def test_an_answer_other_than_the_account_deploys_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(cli, "_question", lambda: typed(answer))
    with pytest.raises(LabError, match="nothing was done"):
        cli.deploy("dev", None, None, yes=False)
    assert "cdk deploy" not in deployment.calls


def test_a_teardown_asks_and_loses_no_messages_unless_told_to(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_question", lambda: typed(ACCOUNT))
    deployment.messages = {"ingestion-dev-orders-dlq": 2}
    with pytest.raises(LabError, match="Messages would be lost: 2 in ingestion-dev-orders-dlq"):
        cli.destroy("dev", None, yes=False, lose_messages=False)
    assert deployment.calls == []
    cli.destroy("dev", None, yes=False, lose_messages=True)
    assert deployment.calls == ["delete ['ingestion-dev-queue']"]


def test_a_teardown_that_nobody_confirms_deletes_nothing(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_question", lambda: None)
    with pytest.raises(LabError, match="Nobody can be asked"):
        cli.destroy("dev", None, yes=False, lose_messages=False)
    assert deployment.calls == []


@pytest.mark.parametrize("answer", ["", "yes", OTHER])
@pytest.mark.usefixtures("deployment")
def test_a_scenario_breaks_nothing_in_an_account_that_nobody_named(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(
        cli, "run_all", lambda runner, entries: ran.append((runner.engine.name, entries[0].name))
    )
    monkeypatch.setattr(cli, "deployed", lambda _aws, _env: None)
    monkeypatch.setattr(cli, "_question", lambda: typed(answer))
    with pytest.raises(LabError, match="nothing was done"):
        cli.scenario(["happy-path"], every=False)
    assert ran == []
    monkeypatch.setattr(cli, "_question", lambda: typed(ACCOUNT))
    cli.scenario(["happy-path"], every=False)
    assert ran == [("AWS", "happy-path")]


@pytest.mark.parametrize("given", ["profile=local", "envName=prod"])
def test_a_setting_that_the_command_decides_is_refused(deployment: Deployment, given: str) -> None:
    with pytest.raises(LabError, match="is not for the AWS target"):
        cli.deploy("dev", [given], None, yes=False)
    assert deployment.calls == []


def test_cdk_gets_the_credentials_that_were_shown_and_nothing_that_could_replace_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A fake of the CLI writes its environment down."""
    monkeypatch.setenv("AWS_PROFILE", "another")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    node = tmp_path / "env" / "node" / "bin"
    node.mkdir(parents=True)
    (node / "node").write_text(
        f"#!{sys.executable}\nimport json, os\njson.dump(dict(os.environ), open({str(tmp_path / 'seen')!r}, 'w'))\n"
    )
    (node / "node").chmod(0o755)
    monkeypatch.setattr(paths, "ENVIRONMENTS", tmp_path / "env")
    frozen = SimpleNamespace(access_key="AK", secret_key="SK", token="T")
    credentials = SimpleNamespace(get_frozen_credentials=lambda: frozen)
    session: Any = SimpleNamespace(get_credentials=lambda: credentials)
    cdk.run("deploy", [], cdk.with_credentials_of(session, WHO))
    seen = json.loads((tmp_path / "seen").read_text())
    assert {name: value for name, value in seen.items() if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID": "AK",
        "AWS_SECRET_ACCESS_KEY": "SK",
        "AWS_SESSION_TOKEN": "T",
        "AWS_REGION": WHO.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    cdk.run("synth", [], cdk.without_credentials("eu-west-1"))
    seen = json.loads((tmp_path / "seen").read_text())
    assert not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ENDPOINT_URL"} & seen.keys()
    assert seen["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize("command", ["diff", "deploy", "destroy", "bootstrap", "scenario"])
@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "sends AWS calls elsewhere"),
        ({"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}, "LocalStack's credentials"),
        ({"CI": "true"}, "This is a CI job"),
        ({}, "AWS does not say who you are"),
    ],
    ids=["endpoint", "LocalStack", "CI", "nobody"],
)
def test_every_command_that_touches_an_account_refuses_in_one_line(
    command: str,
    variables: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert run(lambda **options: app(["aws", command], **options)) == 1
    told = capsys.readouterr()
    assert said in " ".join(told.err.split())
    assert told.out == ""


@pytest.mark.parametrize("variable", ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"])
@pytest.mark.parametrize(
    "command",
    ["diff", "bootstrap", "deploy", "destroy", "scenario happy-path"],
    ids=lambda one: one.split()[0],
)
def test_a_profile_that_is_not_there_is_one_line_with_the_fix(
    command: str, variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, "no-such")
    assert run(lambda **options: app(["aws", *command.split()], **options)) == 1
    error, fix = capsys.readouterr().err.splitlines()
    assert error == f"error: {variable} names a profile that is not there: no-such."
    assert "aws configure list-profiles" in fix
