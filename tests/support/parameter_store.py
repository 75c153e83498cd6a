"""Parameter Store in memory, as far as the lab uses it, and a pipeline that has nothing else."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from botocore.exceptions import ClientError

from lab.deployment.stack import Stack
from lab.engines.clients import Aws
from lab.pipeline.observe import Pipeline


class Parameters:
    """The values, by name."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.are_read = True

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> None:  # noqa: N803
        self.values[Name] = Value

    def get_parameters(self, *, Names: Sequence[str]) -> dict[str, Any]:  # noqa: N803
        return {"Parameters": [self._described(name) for name in Names if name in self.values]}

    def delete_parameter(self, *, Name: str) -> None:  # noqa: N803
        if Name not in self.values:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "DeleteParameter")
        del self.values[Name]

    def get_paginator(self, _operation: str) -> "Parameters":
        return self

    def paginate(self, *, Path: str) -> list[dict[str, Any]]:  # noqa: N803
        return [{"Parameters": [self._described(name) for name in self.values if name.startswith(Path)]}]

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        """Lambda's answer for a function that reads the parameters if they are read, and keeps none in mind."""
        variables = {"FAILURE_MODE_PARAMETERS": ",".join(self.values), "FAILURE_MODE_MAX_AGE_SECONDS": "0"}
        return {"Environment": {"Variables": variables if self.are_read else {}}}

    def _described(self, name: str) -> dict[str, Any]:
        return {"Name": name, "Value": self.values[name]}


class OnlyParameters(Aws):
    """AWS with Parameter Store alone."""

    def __init__(self, parameters: Parameters) -> None:
        object.__setattr__(self, "parameters", parameters)
        super().__init__(session=None, endpoint=None)  # type: ignore[arg-type]  nothing is asked through it

    def client(self, service: Any, **config: Any) -> Any:
        return self.parameters


def pipeline_of(parameters: Parameters, env_name: str = "dev") -> Pipeline:
    """A pipeline whose failure mode is in these parameters."""
    outputs = {field.name: "none" for field in fields(Stack)} | {"env_name": env_name}
    return Pipeline(OnlyParameters(parameters), Stack(**outputs))
