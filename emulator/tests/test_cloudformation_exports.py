"""What stacks export and import of each other: an export in use stays."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.eventually import eventually
from support.stacks import Resources, Stack

pytestmark = pytest.mark.evidence(
    "recorded",
    "aws/aws-cdk issues 7602, 8671 and 33395; linz/geostore issue 630; USSBA/aws-cft-tools issue 27",
)

type Aws = Callable[..., Any]

URL = {"Url": {"Ref": "Queue"}}


def queue(name: str) -> Resources:
    return {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}


def parameter(*values: Any) -> Resources:
    return {
        f"Parameter{index}": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}
        for index, value in enumerate(values)
    }


def imported(name: str) -> dict[str, Any]:
    """An import whose name has to be worked out, as one with a parameter or a pseudo parameter in it."""
    return {"Fn::ImportValue": {"Fn::Sub": name}}


@pytest.fixture
def importing(aws: Aws, stack: Stack) -> Iterator[Stack]:
    """A stack that is deleted before the one whose exports it imports."""
    made = Stack(aws)
    yield made
    made.delete()


@pytest.fixture
def export(stack: Stack, importing: Stack) -> str:
    """The name of an export that one stack imports of the other."""
    stack.exports = URL
    stack.deploy(queue(stack.name))
    importing.deploy(parameter(imported(f"{stack.name}:Url")))
    return f"{stack.name}:Url"


def rolled_back_for(stack: Stack, reason: str) -> bool:
    events = stack.client.describe_stack_events(StackName=stack.name)["StackEvents"]
    return ("UPDATE_ROLLBACK_IN_PROGRESS", stack.name, reason) in [
        (event["ResourceStatus"], event["LogicalResourceId"], event.get("ResourceStatusReason"))
        for event in events
    ]


def test_export_in_use_that_an_update_leaves_out_rolls_it_back(
    aws: Aws, stack: Stack, importing: Stack, export: str
) -> None:
    stack.exports = {}
    state = stack.try_to_deploy({**queue(stack.name), **parameter("added")})
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert rolled_back_for(stack, f"Export {export} cannot be deleted as it is in use by {importing.name}")
    assert list(stack.resources()) == ["Queue"]
    assert export in [shown["Name"] for shown in stack.client.list_exports()["Exports"]]


def test_export_in_use_that_an_update_changes_rolls_it_back(
    aws: Aws, stack: Stack, importing: Stack, export: str
) -> None:
    state = stack.try_to_deploy(queue(f"{stack.name}-other"))
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert rolled_back_for(stack, f"Export {export} cannot be updated as it is in use by {importing.name}")
    assert aws("sqs").get_queue_url(QueueName=stack.name)["QueueUrl"]


def test_update_that_keeps_an_export_in_use_succeeds(stack: Stack, export: str) -> None:
    stack.deploy({**queue(stack.name), **parameter("added")})


def test_change_set_that_leaves_out_an_export_in_use_is_rolled_back(
    stack: Stack, importing: Stack, export: str
) -> None:
    body = stack.template(queue(stack.name), {})
    place = {"StackName": stack.name, "ChangeSetName": "without"}
    stack.client.create_change_set(**place, TemplateBody=body, ChangeSetType="UPDATE")
    stack.client.get_waiter("change_set_create_complete").wait(**place)
    stack.client.execute_change_set(**place)
    eventually(
        lambda: rolled_back_for(
            stack, f"Export {export} cannot be deleted as it is in use by {importing.name}"
        )
    )


def test_stack_whose_export_is_in_use_is_not_deleted(stack: Stack, importing: Stack, export: str) -> None:
    stack.client.delete_stack(StackName=stack.name)
    shown = stack.client.describe_stacks(StackName=stack.name)["Stacks"][0]
    assert shown["StackStatus"] == "CREATE_COMPLETE"
    assert (
        f"Delete canceled. Cannot delete export {export} as it is in use by {importing.name}"
        in stack.reasons()
    )
    assert list(stack.resources()) == ["Queue"]


def test_export_is_free_when_its_importer_is_deleted(stack: Stack, importing: Stack, export: str) -> None:
    importing.delete()
    stack.exports = {}
    stack.deploy({**queue(stack.name), **parameter("instead")})
    assert export not in [shown["Name"] for shown in stack.client.list_exports()["Exports"]]


def test_export_is_free_when_its_importer_imports_it_no_longer(
    stack: Stack, importing: Stack, export: str
) -> None:
    assert stack.client.list_imports(ExportName=export)["Imports"] == [importing.name]
    importing.deploy(parameter("a value of its own"))
    with pytest.raises(ClientError, match=f"Export '{export}' is not imported by any stack."):
        stack.client.list_imports(ExportName=export)
    stack.delete()


def test_importer_whose_update_fails_still_imports(stack: Stack, importing: Stack, export: str) -> None:
    broken = parameter("a value of its own", imported(f"{stack.name}:Nothing"))
    state = importing.try_to_deploy(broken)
    assert state["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.client.list_imports(ExportName=export)["Imports"] == [importing.name]


def test_import_of_what_nobody_exports_fails_the_stack(stack: Stack) -> None:
    state = stack.try_to_deploy(parameter(imported(f"{stack.name}:Nothing")))
    assert state["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"No export named {stack.name}:Nothing found." in stack.reasons()


def test_name_that_another_stack_exports_is_refused(stack: Stack, importing: Stack, export: str) -> None:
    body = importing.template(
        parameter(imported(export)), {"Url": {"Value": "x", "Export": {"Name": export}}}
    )
    importing.client.update_stack(StackName=importing.name, TemplateBody=body)
    eventually(
        lambda: rolled_back_for(
            importing, f"Export with name {export} is already exported by stack {stack.name}."
        )
    )
