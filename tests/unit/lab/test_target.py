"""The AWS target: nobody reaches a real account without naming it. Nothing here leaves this machine."""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from infra.settings import SettingError, Settings
from lab.cli import app, run
from lab.commands import aws as cli
from lab.common import paths
from lab.deployment.aws_account import account, cdk, environments, teardown
from lab.deployment.aws_account.account import Caller, Consent
from lab.deployment.aws_account.plan import (
    DeployedStack,
    StackPlan,
    kept_tables,
    plan,
    require_deployable,
    require_environment,
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
    """CloudFormation with some stacks, each by its template, and SQS with some queues."""

    def __init__(self, stacks: dict[str, Any], messages: dict[str, int] | None = None) -> None:
        self.stacks, self.messages = stacks, messages or {}
        self.status = "UPDATE_COMPLETE"
        self.outputs: list[dict[str, str]] = []
        self.calls: list[tuple[str, str]] = []
        self.undeletable = ""
        self.protected: set[str] = set()
        self.gone: list[dict[str, Any]] = []
        self.tables: dict[str, bool] = {}

    @property
    def deleted(self) -> list[str]:
        return [name for call, name in self.calls if call == "delete"]

    def client(self, service: str) -> Any:
        return {
            "cloudformation": SimpleNamespace(
                get_template=self._template,
                describe_stacks=self._stacks,
                delete_stack=lambda StackName: self.calls.append(("delete", StackName)),  # noqa: N803
                update_termination_protection=self._protect,
                get_waiter=lambda _: self,
                get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: [{"StackSummaries": self.gone}]),
            ),
            "sqs": SimpleNamespace(get_queue_url=self._url, get_queue_attributes=self._attributes),
            "dynamodb": SimpleNamespace(describe_table=self._table, update_table=self._update_table),
        }[service]

    def wait(self, StackName: str, WaiterConfig: Any) -> None:  # noqa: N803
        self.waited = WaiterConfig["Delay"] * WaiterConfig["MaxAttempts"]
        if StackName == self.undeletable:
            raise WaiterError("StackDeleteComplete", "it is in use", {})

    def _require(self, name: str) -> None:
        if name not in self.stacks:
            message = f"Stack with id {name} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "GetTemplate")

    def _template(self, StackName: str) -> Any:  # noqa: N803
        self._require(StackName)
        return {"TemplateBody": self.stacks[StackName]}

    def _stacks(self, StackName: str) -> Any:  # noqa: N803
        self._require(StackName)
        protected = {"EnableTerminationProtection": StackName in self.protected}
        return {"Stacks": [{"StackStatus": self.status, "Outputs": self.outputs, **protected}]}

    def _protect(self, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        self.calls.append(("protect" if EnableTerminationProtection else "unprotect", StackName))

    def _url(self, QueueName: str) -> Any:  # noqa: N803
        return {"QueueUrl": QueueName}

    def _attributes(self, QueueUrl: str, AttributeNames: Any) -> Any:  # noqa: N803
        return {
            "Attributes": {"ApproximateNumberOfMessages": str(self.messages.get(QueueUrl, 0)), "Other": "x"}
        }

    def _table(self, TableName: str) -> Any:  # noqa: N803
        return {"Table": {"DeletionProtectionEnabled": self.tables[TableName]}}

    def _update_table(self, TableName: str, DeletionProtectionEnabled: bool) -> None:  # noqa: N803
        self.calls.append(("update", TableName))
        self.tables[TableName] = DeletionProtectionEnabled


def resource(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {"Type": kind, "Metadata": {"aws:cdk:path": f"stack/{path}"}, **more}


def assembly(
    folder: Path, environment: str, outputs: dict[str, Any] | None = None, **resources: dict[str, Any]
) -> Path:
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
    (folder / "queue.json").write_text(json.dumps({"Resources": resources, "Outputs": outputs or {}}))
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
            "UPDATE_COMPLETE",
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


SAME = {"Topic": resource("AWS::SNS::Topic", "Topic")}


def planned(tmp_path: Path, aws: FakeAws, outputs: dict[str, Any] | None = None) -> StackPlan:
    """The plan of a stack whose resources are those that are deployed."""
    fake: Any = aws
    (found,) = plan(fake, assembly(tmp_path, "aws://a/b", outputs, **SAME))
    return found


def test_the_same_template_deployed_completely_is_nothing_to_do(tmp_path: Path) -> None:
    assert not planned(tmp_path, FakeAws({"ingestion-dev-queue": {"Resources": SAME}})).changes


@pytest.mark.parametrize(
    "status",
    ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_FAILED"],
)
def test_a_stack_whose_last_deployment_failed_is_never_nothing_to_do(tmp_path: Path, status: str) -> None:
    aws = FakeAws({"ingestion-dev-queue": {"Resources": SAME}})
    aws.status = status
    found = planned(tmp_path, aws)
    assert found.changes
    assert found.deployed == status.startswith("UPDATE")
    assert found.added == ([] if found.deployed else ["AWS::SNS::Topic Topic"])


@pytest.mark.parametrize("body", ["", {}], ids=["empty text", "empty document"])
def test_a_stack_that_has_only_a_change_set_is_new(tmp_path: Path, body: Any) -> None:
    aws = FakeAws({"ingestion-dev-queue": body})
    aws.status = "REVIEW_IN_PROGRESS"
    found = planned(tmp_path, aws)
    assert (found.deployed, found.changes, found.added) == (False, True, ["AWS::SNS::Topic Topic"])
    require_deployable([found])


def test_a_change_of_an_output_or_of_its_export_alone_is_a_change(tmp_path: Path) -> None:
    had = {"A": {"Value": 1}, "B": {"Value": 2}, "C": {"Value": 3, "Export": {"Name": "c"}}}
    wants = {"A": {"Value": 1}, "C": {"Value": 3}, "D": {"Value": 4}}
    aws = FakeAws({"ingestion-dev-queue": {"Resources": SAME, "Outputs": had}})
    found = planned(tmp_path, aws, wants)
    assert (found.changes, found.outputs) == (True, ["B", "C", "D"])


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("UPDATE_IN_PROGRESS", "Wait"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name ingestion-dev-queue"),
        ("DELETE_FAILED", "make destroy-aws"),
    ],
)
def test_a_stack_that_nothing_can_be_deployed_into_is_refused_with_the_way_out(status: str, fix: str) -> None:
    with pytest.raises(LabError, match=f"is {status}") as refused:
        require_deployable([StackPlan("ingestion-dev-queue", status)])
    assert fix in refused.value.fix


def test_a_stack_whose_creation_failed_is_unprotected_and_deleted_and_no_other_is() -> None:
    aws: Any = FakeAws({})
    plans = [StackPlan("a", "CREATE_COMPLETE"), StackPlan("b", "ROLLBACK_COMPLETE"), StackPlan("c", None)]
    said: list[str] = []
    forget_failed_creations(aws, plans, said.append)
    assert aws.calls == [("unprotect", "b"), ("delete", "b")]
    assert len(said) == 1


@pytest.mark.parametrize(
    ("deleted", "seconds_ago", "waits"),
    [("a", 20, 40), ("a", 90, 0), ("another", 20, 0)],
    ids=["just now", "before", "of another environment"],
)
def test_a_name_that_sqs_just_released_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, deleted: str, seconds_ago: int, waits: int
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(teardown.time, "sleep", slept.append)
    aws: Any = FakeAws({})
    aws.gone = [
        {"StackName": deleted, "DeletionTime": datetime.now(UTC) - timedelta(seconds=ago)}
        for ago in (seconds_ago, 5000)
    ]
    said: list[str] = []
    wait_for_names(aws, [StackPlan("a", None), StackPlan("b", "UPDATE_COMPLETE")], said.append)
    assert [round(seconds) for seconds in slept] == ([waits] if waits else [])
    assert len(said) == bool(waits)


def test_a_name_of_a_stack_that_is_there_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(teardown.time, "sleep", slept.append)
    aws: Any = FakeAws({})
    aws.gone = [{"StackName": "b", "DeletionTime": datetime.now(UTC)}]
    wait_for_names(aws, [StackPlan("b", "UPDATE_COMPLETE")], lambda _: None)
    assert slept == []


def test_tables_that_are_kept_are_protected_after_the_deployment_once(tmp_path: Path) -> None:
    kept = {"Properties": {"TableName": "orders"}, "DeletionPolicy": "RetainExceptOnCreate"}
    synthesized = assembly(
        tmp_path,
        "aws://a/b",
        Kept=resource("AWS::DynamoDB::Table", "Kept", **kept),
        Gone=resource("AWS::DynamoDB::Table", "Gone", **kept | {"DeletionPolicy": "Delete"}),
    )
    aws: Any = FakeAws({})
    aws.tables = {"orders": False}
    for _ in range(2):
        protect_tables(aws, kept_tables(synthesized))
    assert aws.calls == [("update", "orders")]
    assert aws.tables == {"orders": True}


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
        "Orders": {
            "Type": "AWS::SQS::Queue",
            "DeletionPolicy": "RetainExceptOnCreate",
            "Properties": {"QueueName": "orders"},
        },
        "Vpc": {"Type": "AWS::EC2::VPC"},
    }
}


def test_a_teardown_lists_kept_resources_and_messages_that_would_be_lost() -> None:
    aws: Any = FakeAws(
        {"ingestion-dev-queue": STATEFUL, "ingestion-dev-api": {"Resources": {}}},
        {"orders-dlq": 3, "orders": 5},
    )
    aws.protected = {"ingestion-dev-queue"}
    found = survey(aws, "dev")
    assert found.stacks == ["ingestion-dev-api", "ingestion-dev-queue"]
    assert found.kept == ["AWS::DynamoDB::Table orders", "AWS::SQS::Queue orders"]
    assert found.messages == {"orders-dlq": 3}
    assert found.slow == found.protected == ["ingestion-dev-queue"]


def test_a_protected_stack_is_not_deleted_and_its_name_is_said() -> None:
    require_unprotected(Teardown(["a", "b"]))
    with pytest.raises(LabError, match=r"Protected from deletion: b\.") as refused:
        require_unprotected(Teardown(["a", "b"], protected=["b"]))
    assert refused.value.fix.endswith("--no-enable-termination-protection --stack-name b")


def test_stacks_are_deleted_one_after_the_other_and_the_first_failure_ends_it() -> None:
    aws: Any = FakeAws({})
    aws.undeletable = "b"
    with pytest.raises(LabError, match="The stack b was not deleted"):
        delete(aws, Teardown(["a", "b", "c"]), lambda _: None)
    assert aws.deleted == ["a", "b"]


def test_a_stack_with_a_network_has_an_hour_to_go_and_what_is_waited_for_is_said() -> None:
    aws: Any = FakeAws({})
    said: list[str] = []
    delete(aws, Teardown(["a", "b"], slow=["b"]), said.append)
    assert aws.waited == 3600
    assert ["network interfaces" in line for line in said] == [False, True]


class Deployment:
    """The command `deploy` with everything behind it replaced by a record of what was called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.messages: dict[str, int] = {}
        self.plan = StackPlan("ingestion-dev-queue", None, added=["AWS::SQS::Queue Orders"])
        self.settings: dict[str, str] | None = None
        self.synthesized: dict[str, str] = {}
        session = SimpleNamespace(get_credentials=lambda: None, client=lambda *_, **__: SimpleNamespace())
        monkeypatch.setattr(cli.boto3, "Session", lambda: session)
        monkeypatch.setattr(cli, "caller", lambda _session: WHO)
        monkeypatch.setattr(cli, "_require_bootstrapped", lambda *_: None)
        monkeypatch.setattr(cli, "_tell_concurrency", lambda *_: None)
        monkeypatch.setattr(cli, "_synthesized", self._synth)
        monkeypatch.setattr(cli, "plan", self._plan)
        monkeypatch.setattr(cli, "deployed_stack", self._deployed)
        monkeypatch.setattr(cli, "kept_tables", lambda _assembly: ["orders"])
        monkeypatch.setattr(cli, "protect_tables", lambda _aws, names: self.calls.append(f"protect {names}"))
        monkeypatch.setattr(cli, "forget_failed_creations", lambda *_: self.calls.append("forget"))
        monkeypatch.setattr(cli, "wait_for_names", lambda *_: self.calls.append("names"))
        monkeypatch.setattr(cli, "survey", self._survey)
        monkeypatch.setattr(
            cli, "delete", lambda _aws, found, _say: self.calls.append(f"delete {found.stacks}")
        )
        monkeypatch.setattr(cli.cdk, "with_credentials_of", lambda *_: {})
        monkeypatch.setattr(cli.cdk, "run", self._cdk)
        monkeypatch.setattr(cli.Stack, "read", lambda *_: SimpleNamespace(api_url="https://api"))
        monkeypatch.setattr(
            cli.httpx, "get", lambda *_, **__: SimpleNamespace(status_code=200, is_success=True)
        )

    def _synth(self, _session: Any, _who: Any, settings: dict[str, str]) -> None:
        self.calls.append("synth")
        self.synthesized = settings

    def _plan(self, *_: Any) -> list[StackPlan]:
        self.calls.append("plan")
        return [self.plan]

    def _deployed(self, _aws: Any, name: str) -> DeployedStack | None:
        if self.settings is None:
            return None
        outputs = {"Settings": json.dumps(self.settings)}
        return DeployedStack(name, "UPDATE_COMPLETE", {}, outputs, protected=False)

    def _cdk(self, command: str, arguments: list[str], _identity: Any) -> None:
        self.calls.append(f"cdk {command}")
        assert "--force" in arguments

    def _survey(self, *_: Any) -> Teardown:
        return Teardown(
            ["ingestion-dev-queue"], resources=2, kept=["AWS::DynamoDB::Table orders"], messages=self.messages
        )


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
    assert deployment.calls == ["synth", "plan", "forget", "names", "cdk deploy", "protect ['orders']"]
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


def test_a_deployment_shows_which_settings_change_and_which_are_kept_nowhere(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.settings = {"batchSize": "5", "useKmsCmk": "true"}
    monkeypatch.setattr(cli, "_question", lambda: typed(ACCOUNT))
    cli.deploy("dev", ["batchSize=8", "logLevel=DEBUG"], None, yes=False)
    told = " ".join(capsys.readouterr().out.split())
    assert "setting batchSize: 5 -> 8 setting logLevel: INFO (default) -> DEBUG" in told
    assert "setting useKmsCmk: true -> false (default)" in told
    assert "kept nowhere, and gone with the next deployment: batchSize=8, logLevel=DEBUG" in told


def test_a_deployment_without_context_uses_the_settings_of_its_environment_s_file(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = {"alarmEmail": "ops@orders.company", "ingestAuth": "iam", "useKmsCmk": True, "batchSize": 5}
    (tmp_path / "prod.json").write_text(json.dumps(kept))
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(cli, "_question", lambda: typed(ACCOUNT))
    cli.deploy("prod", None, None, yes=False)
    assert deployment.synthesized == {
        "profile": "aws",
        "envName": "prod",
        "alarmEmail": "ops@orders.company",
        "ingestAuth": "iam",
        "useKmsCmk": "true",
        "batchSize": "5",
    }
    assert "kept nowhere" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "The settings of prod are kept nowhere"),
        ("{", "is not JSON"),
        ("[]", "is not an object of settings"),
        ('{"batchSize": {}}', "is not an object of settings"),
        ('{"envName": "prod"}', "is not for the AWS target"),
        ('{"alarmEmail": "a@orders.company"}', "ingestAuth=none: must be jwt or iam in prod"),
        ('{"ingestAuth": "iam"}', "alarmEmail=devops@example.com: must be somebody's address in prod"),
        ('{"ingestAuth": "iam", "alarmMail": "x"}', "alarmMail=x: is no setting"),
    ],
)
def test_an_environment_whose_file_is_missing_or_wrong_is_refused_before_anything_is_synthesized(
    deployment: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    written: str | None,
    said: str,
) -> None:
    if written is not None:
        (tmp_path / "prod.json").write_text(written)
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    with pytest.raises(LabError) as refused:
        cli.deploy("prod", None, None, yes=False)
    assert said in refused.value.what
    assert deployment.calls == []


def test_a_copy_of_the_example_is_refused_until_somebody_reads_the_alarms() -> None:
    settings = environments.kept("example")
    with pytest.raises(SettingError, match="alarmEmail"):
        Settings.from_context({"envName": "prod"} | settings)
    Settings.from_context({"envName": "prod"} | settings | {"alarmEmail": "ops@orders.company"})


def test_a_deployment_stops_at_a_stack_that_nothing_can_be_deployed_into(deployment: Deployment) -> None:
    deployment.plan = StackPlan("ingestion-dev-queue", "UPDATE_ROLLBACK_FAILED")
    with pytest.raises(LabError, match="UPDATE_ROLLBACK_FAILED"):
        cli.deploy("dev", None, None, yes=False)
    assert deployment.calls == ["synth", "plan"]


def test_a_failed_stack_with_the_same_template_is_deployed_again(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_question", lambda: typed(ACCOUNT))
    deployment.plan = StackPlan("ingestion-dev-queue", "UPDATE_ROLLBACK_COMPLETE")
    cli.deploy("dev", None, None, yes=False)
    assert "cdk deploy" in deployment.calls
    assert "is UPDATE_ROLLBACK_COMPLETE, deployed again" in capsys.readouterr().out
    deployment.plan, deployment.calls = StackPlan("ingestion-dev-queue", "UPDATE_COMPLETE"), []
    cli.deploy("dev", None, None, yes=False)
    assert deployment.calls == ["synth", "plan"]


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


@pytest.mark.parametrize("chosen", [{"ingestAuth": "iam"}, {"deploymentStrategy": "canary"}], ids=str)
def test_a_scenario_is_refused_where_it_could_not_send_orders_or_break_what_is_invoked(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]
) -> None:
    deployment.settings = chosen
    monkeypatch.setattr(cli, "_question", lambda: typed(ACCOUNT))
    with pytest.raises(LabError, match="is deployed: scenarios"):
        cli.scenario(["happy-path"], every=False)


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
