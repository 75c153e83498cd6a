"""The rules of HTTP APIs that need no engine: routes, CORS, throttling, policies, the access log's format."""

import json
import string
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_localstack.apigatewayv2 import access_log, cors, policy, routes, throttle

pytestmark = pytest.mark.evidence("documented", source="API Gateway guide, HTTP APIs")

SEGMENT = st.text(string.ascii_lowercase + string.digits + "-._~ %é", min_size=1, max_size=6)
PLAIN = st.text(string.ascii_lowercase, min_size=1, max_size=3)
METHOD = st.sampled_from(routes.METHODS)


def match(keys: list[str], request: str) -> str | None:
    """The key of the route that serves a request such as `GET /pets`."""
    method, _, path = request.partition(" ")
    found = routes.find(tuple(keys), method, path)
    return found.route_key if found else None


def variables(key: str, path: str) -> dict[str, str]:
    found = routes.find((key,), "GET", path)
    assert found
    return dict(found.path_parameters)


@pytest.mark.parametrize(
    ("request_line", "served_by"),
    [
        ("GET /pets/dog/1", "GET /pets/dog/1"),
        ("GET /pets/dog/2", "GET /pets/dog/{id}"),
        ("GET /pets/cat/1", "GET /pets/{proxy+}"),
        ("POST /pets/dog/1", "ANY /{proxy+}"),
        ("POST /test/5", "ANY /{proxy+}"),
        ("GET /", "$default"),
    ],
)
def test_the_most_specific_route_serves_a_request_as_in_the_guides_example(
    request_line: str, served_by: str
) -> None:
    keys = [
        "$default",
        "ANY /{proxy+}",
        "GET /pets/{proxy+}",
        "GET /pets/dog/{id}",
        "GET /pets/dog/1",
    ]
    assert match(keys, request_line) == served_by
    assert match(keys[::-1], request_line) == served_by


def test_a_named_method_comes_before_any_on_the_same_path() -> None:
    assert match(["ANY /a", "GET /a"], "GET /a") == "GET /a"
    assert match(["ANY /a", "GET /a"], "POST /a") == "ANY /a"


def test_a_static_segment_further_left_is_more_specific() -> None:
    assert match(["GET /{kind}/list", "GET /pets/{id}"], "GET /pets/list") == "GET /pets/{id}"


def test_without_a_route_that_fits_nothing_serves_the_request() -> None:
    assert match(["GET /a", "POST /a/{id}"], "GET /a/1") is None
    assert match([], "GET /") is None


def test_a_trailing_slash_makes_another_path() -> None:
    assert match(["GET /a"], "GET /a/") is None


def test_path_variables_get_their_values() -> None:
    assert variables("GET /{a}/b/{c}", "/1/b/2 3") == {"a": "1", "c": "2 3"}
    assert variables("GET /x/{proxy+}", "/x/1/2/3") == {"proxy": "1/2/3"}
    assert variables("GET /x/{order-id}", "/x/1") == {"order-id": "1"}


@given(st.lists(SEGMENT, min_size=1, max_size=4), METHOD)
def test_a_single_variable_never_spans_segments(segments: list[str], method: str) -> None:
    """Property: `/{v}/{v2}...` fits exactly the paths with as many segments, and gives them back."""
    names = [f"v{index}" for index in range(len(segments))]
    key = f"{method} /" + "/".join(f"{{{name}}}" for name in names)
    found = routes.find((key,), method, "/" + "/".join(segments))
    assert found
    assert list(found.path_parameters.values()) == segments
    assert routes.find((key,), method, "/" + "/".join([*segments, "more"])) is None


@given(st.lists(PLAIN, min_size=1, max_size=4), METHOD, st.randoms())
def test_the_full_static_route_wins_whatever_the_order(
    segments: list[str], method: str, random: Random
) -> None:
    """Property: a literal path beats every pattern that fits it too, in whatever order the routes were made."""
    path = "/" + "/".join(segments)
    rivals = {"$default", "ANY /{proxy+}", f"{method} /{{proxy+}}", f"ANY {path}"}
    for index in range(len(segments)):
        varied = [*segments[:index], f"{{v{index}}}", *segments[index + 1 :]]
        rivals.add(f"{method} /{'/'.join(varied)}")
        rivals.add(f"{method} /{'/'.join([*segments[:index], '{rest+}'])}")
    keys = [f"{method} {path}", *sorted(rivals)]
    random.shuffle(keys)
    assert match(keys, f"{method} {path}") == f"{method} {path}"


PATTERN = st.lists(st.sampled_from(["a", "b", "{v}", "{w}", "{x+}"]), max_size=3, unique=True)


@given(PATTERN, st.lists(PLAIN, max_size=4), METHOD)
def test_the_chosen_route_matches_the_request_path(
    pattern: list[str], segments: list[str], method: str
) -> None:
    """Property: with its variables filled in, the route's path is the request's path."""
    key = f"ANY /{'/'.join(pattern)}"
    path = f"/{'/'.join(segments)}"
    found = routes.find((key,), method, path)
    if found:
        filled = key.removeprefix("ANY ")
        for name, value in found.path_parameters.items():
            filled = filled.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
        assert filled == path


@pytest.mark.parametrize(
    "key",
    ["$default", "GET /", "ANY /{proxy+}", "POST /a/{id}/cancel", "OPTIONS /a-b_c.d/{x}"],
)
def test_valid_route_keys_are_accepted(key: str) -> None:
    routes.check(key)


@pytest.mark.parametrize(
    "key",
    [
        "/a",
        "get /a",
        "TRACE /a",
        "GET a",
        "GET /a/",
        "GET /a//b",
        "GET /{a+}/b",
        "GET /a{b}",
        "GET /{}",
        "GET /{a}/{a}",
        "$other",
        "",
    ],
)
def test_invalid_route_keys_are_refused(key: str) -> None:
    with pytest.raises(routes.RouteKeyError):
        routes.check(key)


def test_a_bucket_holds_its_burst_and_fills_at_its_rate() -> None:
    now = 100.0
    bucket = throttle.TokenBucket(rate=2, burst=3, clock=lambda: now)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 60
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


@given(st.floats(0.1, 50), st.integers(1, 20), st.lists(st.floats(0, 2), max_size=60))
def test_a_bucket_never_admits_more_than_burst_and_rate_allow(
    rate: float, burst: int, pauses: list[float]
) -> None:
    """Property: in any time t at most burst + rate x t requests pass."""
    now = 0.0
    bucket = throttle.TokenBucket(rate, burst, clock=lambda: now)
    admitted = 0
    for pause in pauses:
        now += pause
        admitted += bucket.take()
    assert admitted <= burst + rate * now + 1e-6


def test_changed_limits_start_with_a_full_bucket() -> None:
    limits = throttle.Throttle()
    assert limits.admits(("api", "stage", "GET /"), 1, 1)
    assert not limits.admits(("api", "stage", "GET /"), 1, 1)
    assert limits.admits(("api", "stage", "GET /"), 1, 2)


ROUTE_ARN = "arn:aws:execute-api:us-east-1:000000000000:abc/$default/GET/orders/1"


def statement(effect: str, resource: str, action: str = "execute-api:Invoke") -> dict[str, str]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([statement("Allow", ROUTE_ARN)], True),
        ([statement("Allow", "arn:aws:execute-api:*:*:abc/*/GET/orders/?")], True),
        ([statement("Allow", "*", "execute-api:*")], True),
        ([statement("Allow", "*", "lambda:*")], False),
        ([statement("Allow", "arn:aws:execute-api:*:*:abc/*/POST/*")], False),
        ([statement("Allow", "*"), statement("Deny", "*/orders/*")], False),
        ([], False),
    ],
)
def test_a_policy_allows_only_its_statements_and_a_deny_wins(
    statements: list[dict[str, str]], allowed: bool
) -> None:
    assert policy.allows({"Version": "2012-10-17", "Statement": statements}, ROUTE_ARN) is allowed


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"Statement": [{"Effect": "Allow", "Resource": "*"}]},
        {"Statement": [{**statement("Allow", "*"), "Condition": {"IpAddress": {}}}]},
        {"Statement": [statement("Permit", "*")]},
    ],
)
def test_an_incomplete_or_unserved_policy_is_an_error(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        policy.allows(broken, ROUTE_ARN)


def test_an_allowed_origin_gets_its_headers_and_another_one_gets_none() -> None:
    configuration = {
        "allowOrigins": ["https://shop.example.com", "http://*"],
        "allowMethods": ["GET", "POST"],
        "allowHeaders": ["Authorization"],
        "exposeHeaders": ["X-Correlation-Id"],
        "allowCredentials": True,
        "maxAge": 60,
    }
    assert cors.headers(configuration, "https://shop.example.com", preflight=True) == {
        "access-control-allow-origin": "https://shop.example.com",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET,POST",
        "access-control-allow-headers": "Authorization",
        "access-control-expose-headers": "X-Correlation-Id",
        "access-control-max-age": "60",
    }
    assert "access-control-allow-origin" in cors.headers(configuration, "http://any", preflight=False)
    assert cors.headers(configuration, "https://other.example.com", preflight=True) == {}
    assert cors.headers(configuration, None, preflight=False) == {}


@given(st.text(), st.one_of(st.none(), st.integers(), st.booleans(), st.text()))
def test_a_log_format_that_is_json_stays_json(agent: str, value: object) -> None:
    """Property: no value breaks out of its place in a JSON format."""
    line = access_log.render(
        '{"agent": "$context.identity.userAgent", "value": "$context.authorizer.key", "end": "$context.status"}',
        {"identity.userAgent": agent, "authorizer.key": value, "status": 200},
    )
    shown = json.loads(line)
    assert shown["agent"] == (agent or "-")
    assert shown["end"] == "200"


def test_unknown_variables_become_a_dash_and_quoted_messages_stay_quoted() -> None:
    line = access_log.render(
        "$context.requestId-$context.nothing.known $context.error.messageString.",
        {"requestId": "abc=", "error.message": "Not Found"},
    )
    assert line == 'abc=-- "Not Found".'
