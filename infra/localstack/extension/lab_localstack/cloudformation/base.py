"""What the resource providers of this package have in common."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)

type Model = dict[str, Any]


class SynchronousProvider(ResourceProvider[Model]):
    """A resource that is there, changed or gone when the API call returns.

    Subclasses name the type, its identifier (what Ref yields), and how the API makes, changes and removes it.
    """

    TYPE: ClassVar[str]
    ID: ClassVar[str]
    READ_ONLY: ClassVar[tuple[str, ...]] = ()
    CREATE_ONLY: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "TYPE") and hasattr(cls, "ID"):
            cls.SCHEMA = {
                "typeName": cls.TYPE,
                "properties": {},
                "primaryIdentifier": [f"/properties/{cls.ID}"],
                "readOnlyProperties": [f"/properties/{name}" for name in cls.READ_ONLY],
                "createOnlyProperties": [f"/properties/{name}" for name in cls.CREATE_ONLY],
            }

    @abstractmethod
    def make(self, request: ResourceRequest[Model], model: Model) -> dict[str, Any]:
        """Make the resource; returns the attributes that AWS chose."""

    @abstractmethod
    def change(self, request: ResourceRequest[Model], model: Model) -> dict[str, Any]:
        """Change it to the model, in which identifier and read-only attributes are filled in."""

    @abstractmethod
    def remove(self, request: ResourceRequest[Model], model: Model) -> None:
        """Remove it; does nothing where it is gone already."""

    def create(self, request: ResourceRequest[Model]) -> ProgressEvent[Model]:
        """Make the resource."""
        model = request.desired_state
        return _done(request, model | self.make(request, model))

    def update(self, request: ResourceRequest[Model]) -> ProgressEvent[Model]:
        """Change the resource in place."""
        before = request.previous_state or {}
        known = {name: before[name] for name in (self.ID, *self.READ_ONLY) if name in before}
        model = known | request.desired_state
        return _done(request, model | self.change(request, model))

    def delete(self, request: ResourceRequest[Model]) -> ProgressEvent[Model]:
        """Remove the resource."""
        self.remove(request, request.desired_state)
        return _done(request, {})

    def read(self, request: ResourceRequest[Model]) -> ProgressEvent[Model]:
        """What CloudFormation knows of the resource."""
        return _done(request, request.desired_state)


def plugin(provider: type[SynchronousProvider]) -> type[CloudFormationResourceProviderPlugin]:
    """The plugin by which LocalStack finds a provider."""

    def load(self: Any) -> None:
        self.factory = provider

    attributes = {"name": provider.TYPE, "load": load, "__module__": provider.__module__}
    return type(
        provider.__name__.replace("Provider", "Plugin"), (CloudFormationResourceProviderPlugin,), attributes
    )


def select(model: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of an API call: those properties that the template sets."""
    return {name: model[name] for name in names if model.get(name) is not None}


def _done(request: ResourceRequest[Model], model: Model) -> ProgressEvent[Model]:
    return ProgressEvent(
        status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context
    )
