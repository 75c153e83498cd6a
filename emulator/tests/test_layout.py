"""Every service of the distribution has the same shape, and parts of its own only under the names listed here."""

import ast
from pathlib import Path

import pytest

from support.engines import EMULATOR

pytestmark = pytest.mark.evidence("ours")

SOURCES = EMULATOR / "src" / "lab_localstack"
SHAPE = {"provider", "models", "errors", "metrics"}
"""What serves the operations; what is kept; what a client is answered that AWS's API model does not list; the
service's own metrics. A service has a provider, and of the others what it needs."""
PARTS = {
    "apigatewayv2": {
        "access_log",
        "authorizers",
        "cors",
        "gateway",
        "observation",
        "payload",
        "policy",
        "routes",
        "rules",
        "throttle",
    },
    "cloudformation": {
        "catalog",
        "completion",
        "deployment",
        "exports",
        "http_api",
        "monitoring",
        "network",
        "resource_provider",
        "stack_outputs",
    },
    "cloudwatch": {
        "alarm_rule",
        "alarms",
        "evaluation",
        "metric_data",
        "metric_math",
        "notifications",
        "queries",
        "statistics",
        "topic_key",
    },
    "dynamodb": {"capacity", "expressions", "transactions", "ttl", "validation", "values"},
    "events": {"entries", "input_transformer", "matching"},
    "iam": {"permissions", "policy"},
    "lambda_": {
        "bootstrap",
        "environments",
        "event_source_mapping",
        "executor",
        "local_images",
        "log_shipping",
        "memory",
        "output",
        "report",
        "runtime_api",
        "sandbox",
        "service",
        "sqs_records",
    },
    "logs": {
        "emf",
        "insights",
        "line",
        "metric_filters",
        "patterns",
        "retention",
        "selectors",
    },
    "sns": set[str](),
    "sqs": {"fairness", "limits", "moving"},
}
"""What a service has beyond the shape: nouns of AWS's or of the protocol's."""
NOT_A_SERVICE = {"corrections", "server", "speedups"}


def _modules(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def _outside(module: str, word: str) -> list[str]:
    """Modules of services in which a name occurs, but for those called as given."""
    return [
        str(path.relative_to(SOURCES))
        for service in PARTS
        for path in (SOURCES / service).glob("*.py")
        if path.stem != module
        and word in {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    ]


def test_every_folder_is_a_service_or_known_as_none() -> None:
    folders = {path.parent.name for path in SOURCES.glob("*/__init__.py")}
    assert folders == PARTS.keys() | NOT_A_SERVICE


@pytest.mark.parametrize("service", PARTS)
def test_a_service_has_a_provider_and_no_part_beyond_the_shape_but_its_listed_ones(service: str) -> None:
    modules = _modules(SOURCES / service)
    assert "provider" in modules
    assert modules - SHAPE == PARTS[service]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("errors", "CommonServiceException"),
        ("metrics", "NAMESPACE"),
        ("models", "AccountRegionBundle"),
    ],
)
def test_a_services_errors_metrics_and_stores_are_only_in_the_modules_of_that_name(
    module: str, name: str
) -> None:
    assert _outside(module, name) == []


def test_the_entry_points_of_services_are_in_one_module() -> None:
    decorated = [
        path.name
        for path in SOURCES.rglob("*.py")
        if "@aws_provider(" in path.read_text() or "RuntimeExecutorPlugin)" in path.read_text()
    ]
    assert decorated == ["plugins.py"]
