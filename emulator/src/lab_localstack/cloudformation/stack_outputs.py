"""Fn::GetStackOutput: the value of another stack's output, read when a stack is created or updated.

LocalStack 4.14.0 is older than the function. A stack remembers what it has read: by the time of its next change the
other stack may have another value, or none.
"""

from typing import Any
from weakref import WeakKeyDictionary

from localstack.services.cloudformation.engine.v2 import change_set_model
from localstack.services.cloudformation.engine.v2.change_set_model import NodeIntrinsicFunction, is_nothing
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import (
    ChangeSetModelPreproc,
    PreprocEntityDelta,
)
from localstack.services.cloudformation.engine.v2.change_set_model_visitor import ChangeSetModelVisitor
from localstack.services.cloudformation.engine.validations import ValidationError
from localstack.services.cloudformation.stores import get_cloudformation_store
from localstack.services.cloudformation.v2.entities import ChangeSet, Stack
from localstack.services.cloudformation.v2.provider import find_stack_v2

FUNCTION = "Fn::GetStackOutput"
VISIT = "visit_node_intrinsic_function_fn_get_stack_output"
"""What LocalStack's visitors call of themselves for the function."""

type Key = tuple[str, str, str]
"""Region, stack and output."""

_values: WeakKeyDictionary[Stack | ChangeSet, dict[Key, str]] = WeakKeyDictionary()
"""What stacks have read, and what the change sets of the moment read."""


def install() -> None:
    """Teach LocalStack's templates the function."""
    change_set_model.INTRINSIC_FUNCTIONS.add(FUNCTION)
    setattr(ChangeSetModelVisitor, VISIT, ChangeSetModelVisitor.visit_children)
    setattr(ChangeSetModelPreproc, VISIT, _visit)


def remember(change_set: ChangeSet) -> None:
    """Keep with a stack what its deployment has read."""
    _values[change_set.stack] = dict(_read(change_set))


def _visit(model: ChangeSetModelPreproc, node: NodeIntrinsicFunction) -> PreprocEntityDelta:
    change_set = model._change_set
    arguments: Any = model.visit(node.arguments)
    delta = PreprocEntityDelta()
    if not is_nothing(arguments.before):
        key = _key(change_set, arguments.before)
        delta.before = _read(change_set.stack).get(key) or _value(change_set, key)
    if not is_nothing(arguments.after):
        key = _key(change_set, arguments.after)
        delta.after = _read(change_set)[key] = _value(change_set, key)
    return delta


def _read(owner: Stack | ChangeSet) -> dict[Key, str]:
    return _values.setdefault(owner, {})


def _key(change_set: ChangeSet, arguments: dict[str, str]) -> Key:
    return (
        arguments.get("Region", change_set.region_name),
        arguments["StackName"],
        arguments["OutputName"],
    )


def _value(change_set: ChangeSet, key: Key) -> str:
    region, stack_name, output = key
    stack = find_stack_v2(get_cloudformation_store(change_set.account_id, region), stack_name)
    shown: Any = stack.resolved_outputs if stack else []
    for each in shown:
        if each["OutputKey"] == output:
            return each["OutputValue"]
    raise ValidationError(f"No output {output} found in stack {stack_name}")
