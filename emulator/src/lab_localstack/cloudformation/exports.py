"""Values that stacks export and others import: an export in use is neither deleted nor changed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from collections.abc import Iterable, Mapping
from weakref import WeakKeyDictionary

from localstack.aws.api.cloudformation import Output
from localstack.services.cloudformation.stores import get_cloudformation_store
from localstack.services.cloudformation.v2.entities import Stack

_imported: WeakKeyDictionary[Stack, frozenset[str]] = WeakKeyDictionary()


class ExportRefusedError(Exception):
    """A stack's exports cannot become what its template says."""


def imports(stack: Stack) -> frozenset[str]:
    """The names of the exports that a stack uses."""
    return _imported.get(stack, frozenset()) if stack.is_active() else frozenset()


def remember_imports(stack: Stack, names: Iterable[str]) -> None:
    """A stack uses exactly these exports."""
    _imported[stack] = frozenset(names)


def importers(account_id: str, region: str, name: str) -> list[str]:
    """The names of the stacks that use an export."""
    return [stack.stack_name for stack in _stacks(account_id, region) if name in imports(stack)]


def of_outputs(outputs: Iterable[Output]) -> dict[str, str]:
    """Values of exports by name, among the outputs of a stack."""
    return {name: output.get("OutputValue") or "" for output in outputs if (name := output.get("ExportName"))}


def require_changeable(stack: Stack, after: Mapping[str, str]) -> None:
    """Raises ExportRefusedError where an update deletes or changes an export in use, or takes another stack's name."""
    for other in _stacks(stack.account_id, stack.region_name):
        if other is not stack and other.is_active():
            for name in other.resolved_exports.keys() & after.keys():
                raise ExportRefusedError(
                    f"Export with name {name} is already exported by stack {other.stack_name}."
                )
    for name, value in stack.resolved_exports.items():
        if after.get(name) != value and (users := _users(stack, name)):
            verb = "updated" if name in after else "deleted"
            raise ExportRefusedError(f"Export {name} cannot be {verb} as it is in use by {users}")


def require_deletable(stack: Stack) -> None:
    """Raises ExportRefusedError where another stack uses what this one exports."""
    for name in stack.resolved_exports:
        if users := _users(stack, name):
            raise ExportRefusedError(
                f"Delete canceled. Cannot delete export {name} as it is in use by {users}"
            )


def _users(stack: Stack, name: str) -> str:
    return ", ".join(importers(stack.account_id, stack.region_name, name))


def _stacks(account_id: str, region: str) -> list[Stack]:
    return list(get_cloudformation_store(account_id, region).stacks_v2.values())
