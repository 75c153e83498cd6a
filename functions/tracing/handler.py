"""The handler that is deployed with tracing: the function's own one in a span."""

import importlib
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.common import tracing
from functions.common.settings import tracing_settings
from functions.tracing.telemetry import Telemetry

_settings = tracing_settings()
_telemetry = Telemetry(_settings)
tracing.install(_telemetry)
_module, _, _name = _settings.traced_handler.rpartition(".")
_traced: Callable[[dict[str, Any], LambdaContext], Any] = getattr(importlib.import_module(_module), _name)


def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Run the function's own handler; its spans are out when it answers."""
    return _telemetry.invoke(_traced, event, context)
