"""What the resource providers of this package have in common."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from localstack.services.cloudformation.resource_provider import (
    CloudFormationResourceProviderPlugin,
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceRequest,
)

LOG = logging.getLogger(__name__)

type Model = dict[str, Any]
type Request = ResourceRequest[Model]


class SynchronousProvider(ResourceProvider[Model]):
    """A resource that is there, changed or gone when the API call returns.

    Subclasses name the type, the property that Ref yields, and how the API makes, changes and removes the
    resource. A template with a property that is not named fails instead of losing it. LocalStack 4.14.0 reads no
    resource: it has neither drift detection nor the Cloud Control API.
    """

    TYPE: ClassVar[str]
    ID: ClassVar[str]
    PROPERTIES: ClassVar[tuple[str, ...]]
    """What a template may set."""
    READ_ONLY: ClassVar[tuple[str, ...]] = ()
    """What AWS chooses, for GetAtt."""
    CREATE_ONLY: ClassVar[tuple[str, ...]] = ()
    """What cannot be changed: a change replaces the resource."""

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
    def make(self, request: Request, model: Model) -> Model:
        """Make the resource; returns the attributes that AWS chose."""

    @abstractmethod
    def change(self, request: Request, model: Model, before: Model) -> Model:
        """Change it to the model, in which the identifier and the read-only attributes are filled in.

        `before` is the model of the last deployment: what it has and the new one has not goes back to its default.
        Returns the attributes that AWS chose.
        """

    @abstractmethod
    def remove(self, request: Request, model: Model) -> None:
        """Remove it; does nothing where it is gone already."""

    def create(self, request: Request) -> ProgressEvent[Model]:
        """Make the resource."""
        model = request.desired_state

        def make() -> Model:
            self._check(model)
            return model | self.make(request, model)

        return self._outcome(request, make)

    def update(self, request: Request) -> ProgressEvent[Model]:
        """Change the resource in place."""
        before = request.previous_state or {}
        known = {name: before[name] for name in (self.ID, *self.READ_ONLY) if name in before}
        model = known | request.desired_state

        def change() -> Model:
            self._check(model)
            return model | self.change(request, model, before)

        return self._outcome(request, change)

    def delete(self, request: Request) -> ProgressEvent[Model]:
        """Remove the resource."""

        def remove() -> Model:
            if self.ID in request.desired_state:  # otherwise it could not be made
                self.remove(request, request.desired_state)
            return {}

        return self._outcome(request, remove)

    def _check(self, model: Model) -> None:
        if unknown := model.keys() - {*self.PROPERTIES, *self.READ_ONLY, self.ID}:
            raise ValueError(f"Encountered unsupported property {', '.join(sorted(unknown))}")

    def _outcome(self, request: Request, action: Callable[[], Model]) -> ProgressEvent[Model]:
        """Failures are told from here: LocalStack takes an update that ends in a "not found" for a success."""
        try:
            model, status, message = action(), OperationStatus.SUCCESS, ""
        except Exception as error:
            LOG.info("%s %s failed: %s", self.TYPE, request.logical_resource_id, error)
            model, status, message = request.desired_state, OperationStatus.FAILED, str(error)
        return ProgressEvent(
            status=status, resource_model=model, message=message, custom_context=request.custom_context
        )


def plugin(provider: type[SynchronousProvider]) -> type[CloudFormationResourceProviderPlugin]:
    """The plugin by which LocalStack finds a provider."""

    def load(self: Any) -> None:
        self.factory = provider

    attributes = {"name": provider.TYPE, "load": load, "__module__": provider.__module__}
    return type(
        provider.__name__.replace("Provider", "Plugin"), (CloudFormationResourceProviderPlugin,), attributes
    )


def select(model: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of an API call: those of the names that the template sets."""
    return {name: model[name] for name in names if model.get(name) is not None}
