"""What identity-based policies allow, without an engine.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_localstack.iam.policy import Decision, UnservedPolicyError, decide, matches, parse

pytestmark = pytest.mark.evidence("documented", source="IAM guide, Policy evaluation logic")

ORDERS = "arn:aws:sqs:us-east-1:000000000000:orders"
CONTEXT = {"aws:requestedregion": "us-east-1", "kms:viaservice": None}


def statement(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": "sqs:SendMessage", "Resource": ORDERS} | elements


def without(element: str, **elements: Any) -> dict[str, Any]:
    return {name: value for name, value in statement(**elements).items() if name != element}


def decided(*statements: dict[str, Any], action: str = "sqs:SendMessage", resource: str = ORDERS) -> Decision:
    return decide(parse(json.dumps({"Statement": list(statements)})), action, resource, CONTEXT)


@pytest.mark.parametrize(
    "allowing",
    [
        statement(),
        statement(Action=["sqs:ReceiveMessage", "sqs:SendMessage"]),
        statement(Action="SQS:sendmessage"),
        statement(Action="sqs:Send*"),
        statement(Action="*", Resource="*"),
        statement(Resource="arn:aws:sqs:*:000000000000:order?"),
        without("Action", NotAction="sqs:DeleteQueue"),
        without("Resource", NotResource="arn:aws:sqs:us-east-1:000000000000:other"),
        statement(Condition={"StringEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}}),
        statement(Condition={"StringLike": {"AWS:RequestedRegion": "us-*"}}),
        statement(Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        statement(Condition={"StringNotLike": {"kms:ViaService": "sqs.*"}}),
        statement(Condition={"StringEqualsIfExists": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}),
    ],
)
def test_a_statement_about_the_action_and_the_resource_allows(allowing: dict[str, Any]) -> None:
    assert decided(allowing) is Decision.ALLOWED


@pytest.mark.parametrize(
    "other",
    [
        statement(Action="sqs:SendMessageBatch"),
        statement(Action="sns:SendMessage"),
        statement(Resource=f"{ORDERS}-dlq"),
        statement(Resource="arn:aws:sqs:us-east-1:000000000000:"),
        statement(Resource=ORDERS.upper()),
        statement(Resource=ORDERS.replace("orders", "o.ders")),
        without("Action", NotAction="sqs:*"),
        without("Resource", NotResource=ORDERS),
        statement(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}),
        statement(Condition={"StringNotLike": {"aws:RequestedRegion": "us-*"}}),
        statement(Condition={"StringEquals": {"kms:ViaService": "sqs.us-east-1.amazonaws.com"}}),
        statement(
            Condition={
                "StringEquals": {"aws:RequestedRegion": "us-east-1", "kms:ViaService": "sqs.amazonaws.com"}
            }
        ),
    ],
)
def test_a_statement_that_does_not_match_the_request_does_not_allow_it(other: dict[str, Any]) -> None:
    assert decided(other) is Decision.NOT_ALLOWED


def test_a_request_without_a_statement_is_not_allowed_and_a_deny_wins() -> None:
    assert decided() is Decision.NOT_ALLOWED
    assert decided(statement(), statement("Deny")) is Decision.DENIED
    assert decided(statement("Deny", Resource="*"), statement()) is Decision.DENIED
    unmet = statement("Deny", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})
    assert decided(statement(), unmet) is Decision.ALLOWED


@pytest.mark.evidence("ours")
@pytest.mark.parametrize(
    ("unserved", "named"),
    [
        (statement(Effect="Permit"), "Permit"),
        (statement(Principal="*"), "Principal"),
        (statement(Condition={"DateLessThan": {"aws:CurrentTime": "2026-01-01"}}), "DateLessThan"),
        (statement(Condition={"StringEquals": {"aws:PrincipalTag/team": "a"}}), "aws:principaltag/team"),
        (statement(Resource="arn:aws:sqs:us-east-1:000000000000:${aws:username}"), "aws:username"),
        (without("Action"), "Action"),
        (without("Resource"), "Resource"),
        (statement(Action=None), "malformed"),
    ],
)
def test_an_unevaluated_policy_element_is_an_error_that_names_it(
    unserved: dict[str, Any], named: str
) -> None:
    with pytest.raises(UnservedPolicyError, match=named.replace("$", ".")):
        decided(unserved)


def test_a_text_that_is_not_a_policy_is_an_error() -> None:
    for text in ("", "[]", "{}", '{"Statement": "x"}', '{"Statement": [1]}'):
        with pytest.raises(UnservedPolicyError):
            parse(text)


PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="*?"), max_size=12)


@given(PLAIN, PLAIN, PLAIN)
def test_a_star_stands_for_any_text_and_all_else_for_itself(before: str, between: str, after: str) -> None:
    assert matches(f"{before}*{after}", before + between + after)
    assert matches(before, before)
    assert matches(before, between) is (before == between)
