"""The stack of a challenge on a local engine: deployed, given the code and the environment of a run, and removed."""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx
from botocore.exceptions import ClientError

from lab.challenge.catalog import Challenge
from lab.challenge.package import HANDLER, with_witness
from lab.common import locks, paths
from lab.common.interrupts import undoing
from lab.common.polling import wait_for, wait_until_updated
from lab.deployment import cdk
from lab.deployment.deploy import bootstrap_if_needed
from lab.deployment.stack import prefix
from lab.engines.clients import Aws
from lab.engines.direct import DIRECT
from lab.errors import LabError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

APP = "infra.challenge"
NEMESIS = "LAB_NEMESIS"
"""The variable by which a function knows what is to be done to its orders; it is there during a run only."""

LOG_GROUP_THERE = "The specified log group already exists"
"""What CloudFormation says where a function's last lines have made its log group again."""

OURS = ("settle", "fair")
"""What of a world the stack has no part in."""

REMOVED_WITHIN = 60


@dataclass(frozen=True)
class Stand:
    """A function with its event source, where a challenge is played: a challenge's own stack, or somebody's.

    `outcomes_url` is a queue of all that comes through the bus, where there is one; `key` is the key of the table, by
    order id; `body` writes an order, given its id, where it is not to be one of this lab's.
    """

    aws: Aws
    challenge: Challenge
    function_name: str
    queue_url: str
    dlq_url: str
    table_name: str
    outcomes_url: str = ""
    key: str = "orderId"
    body: Callable[[str], str] | None = None

    @classmethod
    def deploy(cls, aws: Aws, env_name: str, challenge: Challenge) -> Self:
        """Bring the challenge's stack to what its world says. Raises LabError when CDK fails."""
        endpoint = aws.endpoint
        if endpoint is None:
            raise LabError("Challenges are for local engines.", "Start one: make up")
        world = asdict(challenge.world)
        spelled = {"max_receives": "maxReceives", "batch_size": "batchSize"}
        context = {
            spelled.get(name, name): str(value).lower() for name, value in world.items() if name not in OURS
        }
        bootstrap_if_needed(aws)
        _make_room(aws, env_name, challenge.name)
        given = {"envName": env_name, "challenge": challenge.name}
        assembly = cdk.synth(endpoint, given | context, APP)
        try:
            cdk.deploy(endpoint, assembly)
        except LabError as error:
            if LOG_GROUP_THERE not in " ".join(error.details.split()):
                raise
            # an invocation that outlived the stack before has written its last lines, and is at its end
            remove(aws, env_name, challenge.name)
            _make_room(aws, env_name, challenge.name)
            cdk.deploy(endpoint, assembly)
        found = outputs(aws, stack_name(env_name, challenge.name))
        return cls.from_outputs(aws, challenge, found)

    @classmethod
    def from_outputs(cls, aws: Aws, challenge: Challenge, found: Mapping[str, str], **more: Any) -> Self:
        """What a stack's outputs say is what. Raises LabError where one is missing."""
        names = ("FunctionName", "QueueUrl", "DlqUrl", "TableName")
        if missing := [name for name in names if name not in found]:
            raise LabError(f"The stack lacks the outputs {', '.join(missing)}.", "Add a CfnOutput for each.")
        function, queue, dlq, table = (found[name] for name in names)
        return cls(aws, challenge, function, queue, dlq, table, found.get("OutcomesUrl", ""), **more)

    @property
    def environment(self) -> dict[str, str]:
        """What the witness has to know of it."""
        return {"LAB_TABLE": self.table_name, "LAB_KEY": self.key, "LAB_QUEUE_URL": self.queue_url}

    def install(self, code: bytes, handler: str) -> None:
        """Give the function its code. It is in force on return."""
        client = self.lambda_()
        client.update_function_code(FunctionName=self.function_name, ZipFile=code)
        wait_until_updated(client, self.function_name)
        client.update_function_configuration(FunctionName=self.function_name, Handler=handler)
        wait_until_updated(client, self.function_name)

    @contextmanager
    def with_environment(self, variables: Mapping[str, str]) -> Generator[None]:
        """Environment variables of the function, beside its own, for a `with` block."""
        client = self.lambda_()
        now = client.get_function_configuration(FunctionName=self.function_name)
        own = now.get("Environment", {}).get("Variables", {})

        def put(given: Mapping[str, str]) -> None:
            client.update_function_configuration(
                FunctionName=self.function_name, Environment={"Variables": dict(given)}
            )
            wait_until_updated(client, self.function_name)

        with undoing(lambda: put(own)):
            put(own | dict(variables))
            yield

    def client(self, service: str) -> Any:
        """A client of the engine, annotated by whoever uses it."""
        return self.aws.client(service)

    @contextmanager
    def witnessed(self) -> Generator[str]:
        """Have the witness around the function's own handler for a `with` block, which gets its `module:name`."""
        found = self.lambda_().get_function(FunctionName=self.function_name)
        handler = found["Configuration"].get("Handler", "")
        engine = urlsplit(self.aws.endpoint or "")
        place = urlsplit(found["Code"].get("Location", ""))._replace(
            scheme=engine.scheme, netloc=engine.netloc
        )
        code = httpx.get(place.geturl(), **DIRECT).raise_for_status().content
        with undoing(lambda: self.install(code, handler)):
            self.install(with_witness(code), HANDLER)
            module, _, name = handler.rpartition(".")
            yield f"{module.replace('/', '.')}:{name}"

    def lambda_(self) -> "LambdaClient":
        """A client of Lambda."""
        return self.aws.client("lambda")


def stack_name(env_name: str, challenge: str) -> str:
    """The name of a challenge's stack, and of what is in it."""
    return f"{prefix(env_name)}-challenge-{challenge}"


def remove(aws: Aws, env_name: str, challenge: str) -> None:
    """Delete a challenge's stack, if there is one."""
    client: CloudFormationClient = aws.client("cloudformation")
    name = stack_name(env_name, challenge)
    _unmap(aws.client("lambda"), name)
    client.delete_stack(StackName=name)

    def state() -> str:
        try:
            return client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        except ClientError:
            return "gone"

    wait_for(
        f"the stack {name} to go",
        state,
        lambda seen: seen in ("gone", "DELETE_COMPLETE"),
        within=REMOVED_WITHIN,
    )


def alone(aws: Aws, env_name: str, challenge: str) -> AbstractContextManager[None]:
    """Have a challenge's stack to oneself. Raises LabError where another process has it."""
    port, name = urlsplit(aws.endpoint or "").port, stack_name(env_name, challenge)
    return locks.held(
        paths.LAB / "challenge" / f"{port}-{name}.lock", within=1, what=f"A run of the challenge {challenge}"
    )


def _make_room(aws: Aws, env_name: str, challenge: str) -> None:
    """Remove what a deployment could not go on from.

    That is the stack of a run that was killed: the nemesis is in force there still, in what only that run could undo.
    And the log group of a stack that is gone: a function's last lines make it again.
    """
    name, client = stack_name(env_name, challenge), aws.client("lambda")
    with suppress(client.exceptions.ResourceNotFoundException):
        found = client.get_function_configuration(FunctionName=name)
        if NEMESIS not in found.get("Environment", {}).get("Variables", {}):
            return
        remove(aws, env_name, challenge)
    logs: CloudWatchLogsClient = aws.client("logs")
    with suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")


def _unmap(client: "LambdaClient", function: str) -> None:
    """Delete the function's mappings: one that was made again is not the stack's own any more."""
    with suppress(client.exceptions.ResourceNotFoundException):
        for mapping in client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
            client.delete_event_source_mapping(UUID=mapping.get("UUID", ""))


def outputs(aws: Aws, name: str) -> dict[str, str]:
    """The outputs of a stack that is deployed."""
    client: CloudFormationClient = aws.client("cloudformation")
    found = client.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
    return {each.get("OutputKey", ""): each.get("OutputValue", "") for each in found}
