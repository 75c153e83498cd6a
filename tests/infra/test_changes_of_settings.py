"""Any settings to any other settings: nothing that a deployed stack still reads stands in the way."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

import pytest

from infra.settings import SETTINGS, Settings, shown
from tests.infra.templates import Templates

TOGETHER = {
    "batchSize": "100",
    "queueVisibilitySeconds": "181",
    "breakerStrategy": "pause",
    "deploymentStrategy": "canary",
    "enableTracing": "true",
    "useKmsCmk": "true",
}
TOKENS = {"ingestAuth": "jwt", "jwtIssuer": "https://issuer", "jwtAudience": "orders"}
COLLECTED = {
    "enableTracing": "true",
    "otlpEndpoint": "http://localhost:4318",
    "collectorLayerArn": "arn:aws:lambda:us-east-1:123456789012:layer:collector:1",
}
NEEDED = {
    ("otlpEndpoint", ""): COLLECTED,
    ("collectorLayerArn", ""): COLLECTED,
    ("ingestAuth", "jwt"): TOKENS,
    ("jwtIssuer", ""): TOKENS,
    ("jwtAudience", ""): TOKENS,
}
"""What else has to be set for a setting, or for one of its values, to be allowed."""

OF_THE_PLACE = ("profile", "envName", "bundlePlatform", "architecture")
"""They make another deployment, or other code, and not other resources."""


@dataclass(frozen=True)
class Synthesis:
    """What the stacks of some settings export, import and read of each other's outputs."""

    exports: set[str]
    imports: set[str]
    outputs: set[tuple[str, str]]
    reads: set[tuple[str, str]]


def other_values(name: str, kind: Any) -> Iterator[str]:
    """Values that may change which resources there are: every word, the other truth, something where nothing was."""
    setting = SETTINGS[name]
    if kind is bool:
        yield shown(not setting.default)
    elif get_origin(kind) is Literal:
        yield from (word for word in get_args(kind) if word != setting.default)
    elif setting.example is not None:
        yield shown(setting.sample)


def every_setting() -> Iterator[Mapping[str, str]]:
    """The defaults, each setting by itself, and what there is to switch on all at once."""
    yield {}
    yield TOGETHER
    for name, kind in zip(SETTINGS, get_type_hints(Settings).values(), strict=True):
        for value in () if name in OF_THE_PLACE else other_values(name, kind):
            yield NEEDED.get((name, value), NEEDED.get((name, ""), {})) | {name: value}


def calls(template: Any, function: str) -> Iterator[Any]:
    """The arguments of every call of an intrinsic function."""
    if isinstance(template, dict):
        found = cast(dict[str, Any], template)
        if function in found:
            yield found[function]
        for value in found.values():
            yield from calls(value, function)
    elif isinstance(template, list):
        for item in cast(list[Any], template):
            yield from calls(item, function)


def synthesis_of(templates: Templates) -> Synthesis:
    stacks = {f"{templates.prefix}-{stack}": body for stack, body in templates.by_stack.items()}
    outputs = {
        (stack, key): output
        for stack, body in stacks.items()
        for key, output in body.get("Outputs", {}).items()
    }
    return Synthesis(
        {json.dumps(output["Export"]["Name"]) for output in outputs.values() if "Export" in output},
        {json.dumps(name) for body in stacks.values() for name in calls(body, "Fn::ImportValue")},
        set(outputs),
        {
            (read["StackName"], read["OutputName"])
            for body in stacks.values()
            for read in calls(body, "Fn::GetStackOutput")
        },
    )


def vanishing(before: Synthesis, after: Synthesis) -> set[str]:
    """The exports that a deployment would take away from stacks that import them until their own update."""
    return (before.exports & before.imports) - after.exports


@pytest.fixture(scope="module")
def syntheses() -> dict[str, Synthesis]:
    return {json.dumps(context): synthesis_of(Templates(context)) for context in every_setting()}


def test_no_export_vanishes_while_it_is_imported_whatever_the_settings_were_and_become(
    syntheses: dict[str, Synthesis],
) -> None:
    refused = {
        (one, other): gone
        for (one, before), (other, after) in permutations(syntheses.items(), 2)
        if (gone := vanishing(before, after))
    }
    assert refused == {}


def test_nothing_that_a_setting_makes_is_kept_under_a_name_that_the_setting_would_make_again() -> None:
    """Left on and off and on again in an environment that keeps its data: `already exists` would be the answer."""
    kept_place = {"envName": "prod", "ingestAuth": "iam", "alarmEmail": "ops@orders.company"}
    plain, full = (Templates(kept_place | more) for more in ({}, TOGETHER | {"enableVpcEndpoints": "true"}))
    always = {(resource.stack, resource.path) for resource in plain.all()}
    kept = [
        resource
        for resource in full.all()
        if (resource.stack, resource.path) not in always
        and "Retain" in resource.raw.get("DeletionPolicy", "")
    ]
    assert [resource.path for resource in kept] == ["Key"]
    assert not [name for resource in kept for name in resource.properties if name.endswith("Name")]


def test_every_output_that_a_stack_reads_is_there(syntheses: dict[str, Synthesis]) -> None:
    for context, synthesis in syntheses.items():
        assert synthesis.reads, context
        assert synthesis.reads <= synthesis.outputs, context


def test_exports_that_vanish_are_found_when_references_are_strong() -> None:
    """The check itself: with CDK's former references, leaving `pause`, the key and the alias takes exports away."""
    strong = {"@aws-cdk/core:defaultCrossStackReferences": "strong"}
    before = synthesis_of(Templates(TOGETHER, strong))
    gone = vanishing(before, synthesis_of(Templates({}, strong)))
    for part in ("Key", "Valve", "Live"):
        assert any(part in name for name in gone), part
