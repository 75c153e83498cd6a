"""Lambda authorizers of HTTP APIs: what they get, what they decide, how long it is remembered."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support import functions
from support.eventually import eventually
from support.functions import Function
from support.http_apis import HttpApi

pytestmark = pytest.mark.evidence("documented", source="API Gateway guide, HTTP APIs with Lambda authorizers")

type Aws = Callable[..., Any]

AUTHORIZER = """
    import json, time

    STATEMENT = {"Action": "execute-api:Invoke"}

    def handler(event, context):
        token = (event.get("identitySource") or ["allow"])[0]
        print(json.dumps({"asked": token, "event": event}))
        verdict, _, rest = token.partition(":")
        match verdict:
            case "allow":
                return {"isAuthorized": True, "context": {"user": rest, "number": 5, "flag": True, "list": [1]}}
            case "deny":
                return {"isAuthorized": False}
            case "fail":
                raise RuntimeError("Unauthorized")
            case "nonsense":
                return {"isAuthorized": "yes"}
            case "policy":
                statements = [
                    {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["routeArn"]},
                    {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": "*/DELETE/*"},
                ]
                if rest == "stage":
                    statements[0]["Resource"] = event["routeArn"].rsplit("/GET/", 1)[0] + "/*"
                document = {"Version": "2012-10-17", "Statement": statements}
                return {"principalId": "somebody", "policyDocument": document, "context": {"user": "policy"}}
"""


@pytest.fixture(scope="module")
def decider(aws: Aws) -> Iterator[Function]:
    function = functions.create(aws, AUTHORIZER)
    yield function
    function.delete()


def protect(api: HttpApi, echo: Function, decider: Function, **settings: Any) -> None:
    """Serve `$default` of the API behind the authorizer."""
    authorizer = api.authorizer(decider.arn, **settings)
    api.route("$default", echo.arn, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    api.stage()


def ask(api: HttpApi, token: str | None = None, path: str = "/", method: str = "GET") -> httpx.Response:
    return api.http.request(method, path, headers={"Authorization": token} if token else {})


def asked(decider: Function, token: str) -> list[Any]:
    """The events of the authorizer's invocations for this token."""
    return [said["event"] for said in decider.said() if said.get("asked") == token]


def test_an_allowed_request_reaches_the_function_with_the_authorizers_context(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    protect(api, echo, decider)
    event = ask(api, "allow:me").json()
    assert event["requestContext"]["authorizer"] == {
        "lambda": {"user": "me", "number": 5, "flag": True, "list": [1]}
    }


def test_the_authorizer_gets_payload_format_2(api: HttpApi, echo: Function, decider: Function) -> None:
    protect(api, echo, decider, IdentitySource=["$request.header.Authorization", "$request.querystring.user"])
    token = f"allow:{uuid4()}"
    ask(api, token, "/orders/1?user=a&user=b")
    (event,) = eventually(lambda: asked(decider, token))
    assert event["version"] == "2.0"
    assert event["type"] == "REQUEST"
    assert event["routeArn"] == f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/$default/GET/orders/1"
    assert event["identitySource"] == [token, "a,b"]
    assert event["routeKey"] == "$default"
    assert event["rawPath"] == "/orders/1"
    assert event["rawQueryString"] == "user=a&user=b"
    assert event["headers"]["authorization"] == token
    assert event["queryStringParameters"] == {"user": "a,b"}
    assert event["requestContext"]["http"]["method"] == "GET"
    assert "authorizer" not in event["requestContext"]
    assert not {"body", "isBase64Encoded"} & event.keys()


def test_without_an_identity_source_the_answer_is_401_and_nobody_is_asked(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    name = f"X-{uuid4().hex}"
    protect(api, echo, decider, IdentitySource=[f"$request.header.{name}"])
    for headers in ({}, {name: ""}):
        response = api.http.get("/", headers=headers)
        assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})
    token = f"allow:{uuid4()}"
    assert api.http.get("/", headers={name: token}).status_code == 200
    eventually(lambda: asked(decider, token))
    assert not [event for event in asked(decider, "") if event["requestContext"]["apiId"] == api.id]


def test_a_denied_request_is_forbidden(api: HttpApi, echo: Function, decider: Function) -> None:
    protect(api, echo, decider)
    response = ask(api, "deny")
    assert (response.status_code, response.json()) == (403, {"message": "Forbidden"})
    assert response.headers["Apigw-Requestid"]


@pytest.mark.parametrize("token", ["fail", "nonsense", "other"])
def test_an_authorizer_that_fails_or_answers_nonsense_is_an_internal_server_error(
    api: HttpApi, echo: Function, decider: Function, token: str
) -> None:
    protect(api, echo, decider)
    response = ask(api, token)
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


def test_a_policy_decides_route_by_route(api: HttpApi, echo: Function, decider: Function) -> None:
    protect(api, echo, decider, EnableSimpleResponses=False)
    event = ask(api, "policy:stage", "/orders").json()
    assert event["requestContext"]["authorizer"] == {"lambda": {"user": "policy"}}
    assert ask(api, "policy:stage", "/orders", "DELETE").status_code == 403


def test_a_remembered_policy_is_evaluated_for_each_request(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    protect(api, echo, decider, EnableSimpleResponses=False, AuthorizerResultTtlInSeconds=60)
    token = f"policy:{uuid4()}"
    assert ask(api, token, "/orders").status_code == 200
    assert ask(api, token, "/other").status_code == 403
    eventually(lambda: asked(decider, token))
    assert len(asked(decider, token)) == 1


def test_a_policy_where_a_simple_answer_is_expected_is_a_server_error(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    protect(api, echo, decider)
    assert ask(api, "policy").status_code == 500


def test_an_answer_is_remembered_by_its_identity_sources(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    protect(api, echo, decider, AuthorizerResultTtlInSeconds=60)
    first, second = f"allow:{uuid4()}", f"allow:{uuid4()}"
    for token in (first, second, first, first):
        event = ask(api, token, f"/{uuid4()}").json()
        assert event["requestContext"]["authorizer"]["lambda"]["user"] == token.partition(":")[2]
    eventually(lambda: asked(decider, first) and asked(decider, second))
    assert (len(asked(decider, first)), len(asked(decider, second))) == (1, 1)


def test_a_refusal_is_remembered_too(api: HttpApi, echo: Function, decider: Function) -> None:
    protect(api, echo, decider, AuthorizerResultTtlInSeconds=60)
    token = f"deny:{uuid4()}"
    assert [ask(api, token).status_code for _ in range(3)] == [403, 403, 403]
    eventually(lambda: asked(decider, token))
    assert len(asked(decider, token)) == 1


def test_a_failure_is_not_remembered(api: HttpApi, echo: Function, decider: Function) -> None:
    protect(api, echo, decider, AuthorizerResultTtlInSeconds=60)
    token = f"fail:{uuid4()}"
    assert [ask(api, token).status_code for _ in range(2)] == [500, 500]
    eventually(lambda: len(asked(decider, token)) == 2)


def test_an_answer_is_forgotten_after_its_time(api: HttpApi, echo: Function, decider: Function) -> None:
    protect(api, echo, decider, AuthorizerResultTtlInSeconds=1)
    token = f"allow:{uuid4()}"

    def asked_again() -> bool:
        assert ask(api, token).status_code == 200
        return len(asked(decider, token)) >= 2

    eventually(asked_again, every=0.3)


def test_without_a_time_to_live_every_request_is_asked_for(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    protect(api, echo, decider, AuthorizerResultTtlInSeconds=0)
    token = f"allow:{uuid4()}"
    for _ in range(3):
        assert ask(api, token).status_code == 200
    eventually(lambda: len(asked(decider, token)) == 3)


@pytest.mark.parametrize("forget", ["reset", "update"])
def test_a_reset_cache_or_a_changed_authorizer_forgets_answers(
    api: HttpApi, echo: Function, decider: Function, forget: str
) -> None:
    authorizer = api.authorizer(decider.arn, AuthorizerResultTtlInSeconds=60)
    api.route("$default", echo.arn, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    api.stage()
    token = f"allow:{uuid4()}"
    ask(api, token)
    if forget == "reset":
        api.client.reset_authorizers_cache(ApiId=api.id, StageName="$default")
    else:
        api.client.update_authorizer(ApiId=api.id, AuthorizerId=authorizer, Name="changed")
    ask(api, token)
    eventually(lambda: len(asked(decider, token)) == 2)


def test_without_identity_sources_every_request_is_asked_for(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    protect(api, echo, decider, IdentitySource=[], AuthorizerResultTtlInSeconds=60)
    assert [ask(api).status_code for _ in range(2)] == [200, 200]


def test_only_the_routes_that_name_it_are_behind_the_authorizer(
    api: HttpApi, echo: Function, decider: Function
) -> None:
    authorizer = api.authorizer(decider.arn)
    api.route("GET /redrive/{id}", echo.arn, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    api.route("GET /health", echo.arn)
    api.stage()
    assert ask(api, path="/health").status_code == 200
    assert ask(api, path="/redrive/1").status_code == 401


def test_a_preflight_request_needs_no_token_unless_its_own_route_asks_for_one(
    aws: Aws, echo: Function, decider: Function
) -> None:
    api = HttpApi(aws, CorsConfiguration={"AllowOrigins": ["*"], "AllowMethods": ["*"]})
    try:
        authorizer = api.authorizer(decider.arn)
        secured = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizer}
        api.route("POST /orders", echo.arn, **secured)
        api.stage()
        preflight = {"Origin": "https://a.example.com", "Access-Control-Request-Method": "POST"}
        assert api.http.options("/orders", headers=preflight).status_code == 204
        refused = api.http.post("/orders", headers={"Origin": "https://a.example.com"})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")
        api.route("$default", echo.arn, **secured)
        assert api.http.options("/orders", headers=preflight).status_code == 401
        api.route("OPTIONS /{proxy+}", echo.arn)
        assert api.http.options("/orders", headers=preflight).status_code == 204
    finally:
        api.delete()
