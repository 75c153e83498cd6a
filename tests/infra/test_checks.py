"""The templates before the checkers: cdk-nag for security, cfn-lint for correctness."""

import fnmatch
import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match
from cdk_nag import AwsSolutionsChecks
from cfnlint import ManualArgs, lint  # pyright: ignore[reportMissingTypeStubs]

from infra.accepted_findings import FINDINGS
from infra.app import add_stacks
from tests.infra.templates import AWS_ACCOUNT, STACKS, Templates, new_app

IGNORED_LINT = {
    "W3005": "CDK writes dependencies out that a reference implies already.",
}


@pytest.fixture(scope="session")
def findings(
    local: Templates, aws: Templates, secured: Templates, secured_and_paused: Templates, canary: Templates
) -> set[tuple[str, str]]:
    """What cdk-nag says: rule and construct path without the environment's name."""
    found: set[tuple[str, str]] = set()
    for variant in (local, aws, secured, secured_and_paused, canary):
        app = new_app()
        add_stacks(app, variant.settings, AWS_ACCOUNT, "us-east-1")
        cdk.Aspects.of(app).add(AwsSolutionsChecks())
        app.synth()
        for stack in (child for child in app.node.children if isinstance(child, cdk.Stack)):
            said = Annotations.from_stack(stack)
            for entry in [
                *said.find_error("*", Match.any_value()),
                *said.find_warning("*", Match.any_value()),
            ]:
                text: Any = entry.entry.data
                path = entry.id.strip("/").removeprefix(f"{variant.prefix}-")
                found.add((str(text).split(":  ")[0].split(": ")[0].strip(), path))
    return found


def test_every_finding_of_cdk_nag_is_accepted_with_a_reason(findings: set[tuple[str, str]]) -> None:
    unexplained = [
        (rule, path)
        for rule, path in sorted(findings)
        if not any(a.rule == rule and fnmatch.fnmatch(path, a.where) and a.reason for a in FINDINGS)
    ]
    assert unexplained == []


def test_every_accepted_finding_is_still_found(findings: set[tuple[str, str]]) -> None:
    stale = [
        accepted
        for accepted in FINDINGS
        if not any(accepted.rule == rule and fnmatch.fnmatch(path, accepted.where) for rule, path in findings)
    ]
    assert stale == []


@pytest.mark.parametrize("stack", STACKS)
def test_cfn_lint_has_no_complaint(templates: Templates, stack: str) -> None:
    arguments = ManualArgs(regions=["us-east-1"], ignore_checks=list(IGNORED_LINT))
    complaints = lint(json.dumps(templates.by_stack[stack]), config=arguments)
    assert [str(complaint) for complaint in complaints] == []


def test_cfn_lint_has_no_complaint_about_gradual_deployments(canary: Templates) -> None:
    test_cfn_lint_has_no_complaint(canary, "functions")
