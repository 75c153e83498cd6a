"""Tracing: everything with the setting, nothing at all without it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from functions.common import settings as function_settings
from infra.bundles import MANIFEST, ROOT, Target, build
from infra.settings import SettingError, Settings, host_architecture
from loadtests.benchmarks.cold_start import HANDLERS, in_bundle
from tests.infra.templates import Templates
from tests.infra.test_bundles import HOST

LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:collector:1"
KINDS = ("AWS::Logs::ResourcePolicy", "AWS::XRay::ResourcePolicy")


@pytest.fixture(scope="module")
def traced_locally() -> Templates:
    return Templates(
        {
            "profile": "local",
            "enableTracing": "true",
            "otlpEndpoint": "http://localhost:4318",
            "breakerStrategy": "pause",
        }
    )


def test_without_the_setting_there_is_no_trace_of_tracing(aws: Templates) -> None:
    for function in aws.all("AWS::Lambda::Function"):
        assert "TracingConfig" not in function.properties
        assert "tracing" not in function.properties["Handler"]
        assert not {
            name
            for name in function.properties["Environment"]["Variables"]
            if "TRAC" in name or "OTEL" in name
        }
    assert not [resource.path for kind in KINDS for resource in aws.all(kind)]
    assert not [group for group in aws.all("AWS::Logs::LogGroup") if group.path == "EventLog"]
    assert all("TracingConfig" not in topic.properties for topic in aws.all("AWS::SNS::Topic"))


@pytest.mark.parametrize("function", MANIFEST)
def test_without_the_setting_a_bundle_holds_nothing_of_tracing(function: str) -> None:
    """So that neither its size nor its start can change."""
    with zipfile.ZipFile(build(function, HOST).path) as archive:
        names = archive.namelist()
    assert not [name for name in names if name.startswith(("opentelemetry", "functions/tracing/"))]


@pytest.mark.parametrize("function", MANIFEST)
def test_without_the_setting_a_handler_imports_nothing_of_tracing(function: str, paused: Templates) -> None:
    variables = paused.one("AWS::Lambda::Function", f"{function.capitalize()}/Function").properties[
        "Environment"
    ]
    script = (
        f"import sys, {HANDLERS[function]}\n"
        "assert not [name for name in sys.modules if name.startswith(('opentelemetry', 'functions.tracing'))]\n"
    )
    environment = variables["Variables"] | {"AWS_DEFAULT_REGION": "us-east-1"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("function", MANIFEST)
def test_a_traced_handler_loads_from_its_bundle_and_the_runtime_alone(
    function: str, traced_locally: Templates, tmp_path: Path
) -> None:
    template = traced_locally.one("AWS::Lambda::Function", f"{function.capitalize()}/Function").properties
    variables = template["Environment"]["Variables"]
    with zipfile.ZipFile(build(function, Target("host", host_architecture()), traced=True).path) as archive:
        archive.extractall(tmp_path)
    script = (
        "import sys, importlib; sys.path[:0] = sys.argv[2:]\n"
        "handler = importlib.import_module(sys.argv[1].rpartition('.')[0])\n"
        "from functions.common import tracing\n"
        "assert tracing._installed and callable(handler.lambda_handler) and callable(handler._traced)\n"
        "assert handler._settings.exports_otlp\n"
        "import opentelemetry; assert list(opentelemetry.__path__)[0].startswith(sys.argv[2])\n"
    )
    done = in_bundle(script, function, template["Handler"], tmp_path, variables)
    assert done.returncode == 0, done.stderr
    assert variables["TRACED_HANDLER"] == f"{HANDLERS[function]}.lambda_handler"


def test_with_the_setting_functions_and_topic_are_traced_by_xray(secured: Templates) -> None:
    traced = {f.properties["TracingConfig"]["Mode"] for f in secured.all("AWS::Lambda::Function")}
    assert traced == {"Active"}
    topic = secured.one("AWS::SNS::Topic", "OrderEvents").properties
    assert topic["TracingConfig"] == "Active"


def test_a_traced_function_understands_its_variables(secured: Templates) -> None:
    for name in ("Ingest", "Worker", "Redrive", "Authorizer"):
        properties = secured.one("AWS::Lambda::Function", f"{name}/Function").properties
        read = function_settings.tracing_settings(properties["Environment"]["Variables"])
        assert properties["Handler"] == "functions.tracing.handler.lambda_handler"
        assert read.traced_handler == f"{HANDLERS[name.lower()]}.lambda_handler"
        assert (read.service, read.exports_otlp) == (name.lower(), False)


def test_the_event_rule_also_logs_the_events_it_matches(
    secured: Templates, traced_locally: Templates
) -> None:
    for templates in (secured, traced_locally):
        group = templates.one("AWS::Logs::LogGroup", "EventLog").properties
        assert group["LogGroupName"] == f"/aws/events/{templates.prefix}"
        _, log = templates.one("AWS::Events::Rule", "OrderEventsRule").properties["Targets"]
        assert log["Arn"].endswith(f":log-group:/aws/events/{templates.prefix}")


def test_resource_policies_let_only_the_named_services_write(secured: Templates) -> None:
    (events,) = secured.all("AWS::Logs::ResourcePolicy")
    (statement,) = json.loads(events.properties["PolicyDocument"])["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == "queue/EventLog.Arn"
    (traces,) = secured.all("AWS::XRay::ResourcePolicy")
    (statement,) = json.loads(traces.properties["PolicyDocument"])["Statement"]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_a_local_engine_is_asked_for_nothing_that_it_does_not_have(traced_locally: Templates) -> None:
    assert not [resource.path for kind in KINDS for resource in traced_locally.all(kind)]


def test_an_endpoint_without_tracing_is_refused_with_the_setting_that_it_needs() -> None:
    with pytest.raises(
        SettingError, match=r"enableTracing=false: must be true for otlpEndpoint=http://localhost:4318"
    ):
        Settings.from_context({"otlpEndpoint": "http://localhost:4318"})


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (
            {"otlpEndpoint": "http://localhost:4318"},
            "otlpEndpoint=http://localhost:4318: needs collectorLayerArn: nothing else listens inside a function",
        ),
        (
            {"otlpEndpoint": "https://collector.example.com", "enableVpcEndpoints": "true"},
            "otlpEndpoint=https://collector.example.com: cannot be reached with enableVpcEndpoints",
        ),
        ({"collectorLayerArn": LAYER}, f"collectorLayerArn={LAYER}: needs an otlpEndpoint on localhost"),
        (
            {"collectorLayerArn": LAYER, "otlpEndpoint": "https://localhost.example.com"},
            f"collectorLayerArn={LAYER}: needs an otlpEndpoint on localhost",
        ),
        (
            {"collectorLayerArn": "collector"},
            "collectorLayerArn=collector: must be the ARN of a layer's version",
        ),
    ],
    ids=["nobody listens", "no way out", "no endpoint", "elsewhere", "no ARN"],
)
def test_an_endpoint_at_which_nobody_listens_is_refused(context: dict[str, str], said: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_context({"enableTracing": "true"} | context)
    assert said in str(refused.value)


def test_an_endpoint_that_is_reached_needs_no_layer() -> None:
    traced = {"enableTracing": "true"}
    assert Settings.from_context(traced | {"otlpEndpoint": "https://collector.example.com"})
    assert Settings.from_context(traced | {"otlpEndpoint": "http://localhost:4318", "profile": "local"})
    assert Settings.from_context(
        traced | {"otlpEndpoint": "http://localhost:4318", "collectorLayerArn": LAYER}
    )
