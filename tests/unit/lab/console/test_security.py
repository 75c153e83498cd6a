"""Nobody but the browser that was given the token of this start drives the console, or reads from it."""

from collections.abc import Iterator

import pytest
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from lab.console.console_state import ConsoleState
from lab.console.routes import cloudwatch, dlq, faults, jobs, pages, pipeline
from lab.console.security import CSRF_HEADER, OPEN_PATHS, forwarded
from lab.errors import LabError
from tests.unit.lab.console.doors import OURS, PORT, browser, let_in, state_of

ROUTES: list[BaseRoute] = [
    *pages.ROUTES,
    *pipeline.ROUTES,
    *cloudwatch.ROUTES,
    *dlq.ROUTES,
    *faults.ROUTES,
    *jobs.ROUTES,
]
ALL = [
    (method, route.path.replace("{name}", "anything"))
    for route in ROUTES
    if isinstance(route, Route)
    for method in sorted((route.methods or set()) - {"HEAD"})
] + [("GET", f"{route.path}/x") for route in ROUTES if isinstance(route, Mount)]
GUARDED = [route for route in ALL if route[1] not in OPEN_PATHS and not route[1].startswith("/static/")]
ACTING = [path for method, path in ALL if method == "POST"]


@pytest.fixture
def state() -> ConsoleState:
    return state_of()


@pytest.fixture
def stranger(state: ConsoleState) -> TestClient:
    """A browser, or a program of this machine, that was not given the token."""
    return browser(state)


@pytest.fixture
def ours(state: ConsoleState) -> TestClient:
    return let_in(browser(state), state)


def test_the_routes_are_all_under_test() -> None:
    assert len(GUARDED) > 20
    assert "/api/dlq/redrive" in ACTING


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_a_request_without_a_session_is_refused_with_the_fix(
    stranger: TestClient, method: str, path: str
) -> None:
    answer = stranger.request(method, path, headers={"origin": OURS, CSRF_HEADER: "the-csrf"})
    assert answer.status_code == 401
    assert "make console" in answer.json()["fix"]


@pytest.mark.parametrize("cookie", ["", "wrong", "the-token", "the-session2"])
def test_a_wrong_session_cookie_is_refused(stranger: TestClient, state: ConsoleState, cookie: str) -> None:
    stranger.cookies.set(state.guard.cookie, cookie)
    assert stranger.get("/api/reports").status_code == 401


@pytest.mark.parametrize(("method", "path"), ALL)
@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", f"127.0.0.1:{PORT + 1}", "127.0.0.1", ""]
)
def test_another_host_name_is_refused_even_with_a_session(
    ours: TestClient, method: str, path: str, host: str
) -> None:
    """DNS rebinding: a name of the attacker's that resolves to 127.0.0.1."""
    answer = ours.request(method, path, headers={"host": host, "origin": f"http://{host}"})
    assert answer.status_code == 421


@pytest.mark.parametrize("path", ACTING)
@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        f"https://127.0.0.1:{PORT}",
        f"http://127.0.0.1:{PORT + 1}",
        f"http://localhost:{PORT}",
        "null",
        "",
    ],
)
def test_a_page_of_another_origin_cannot_do_anything(ours: TestClient, path: str, origin: str) -> None:
    """Not even with the cookie, which browsers send from any port of the same host."""
    answer = ours.post(path, json={}, headers={"origin": origin})
    assert answer.status_code == 403
    assert "origin" in answer.json()["what"]


@pytest.mark.parametrize("path", ACTING)
def test_a_request_without_an_origin_cannot_do_anything(ours: TestClient, path: str) -> None:
    del ours.headers["origin"]
    assert ours.post(path, json={}).status_code == 403


@pytest.mark.parametrize("path", [path for path in ACTING if path not in OPEN_PATHS])
@pytest.mark.parametrize("token", [None, "", "wrong", "the-token", "the-session"])
def test_a_request_without_the_token_of_the_pages_is_refused(
    ours: TestClient, path: str, token: str | None
) -> None:
    del ours.headers[CSRF_HEADER]
    answer = ours.post(path, json={}, headers={} if token is None else {CSRF_HEADER: token})
    assert answer.status_code == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(("mode", "dest"), [("no-cors", "script"), ("cors", "empty"), ("navigate", "iframe")])
@pytest.mark.parametrize(
    "path", ["/", "/api/readings", "/api/events", "/static/console.js", "/reports/index.html"]
)
def test_a_foreign_page_cannot_embed_or_fetch_anything(
    ours: TestClient, site: str, mode: str, dest: str, path: str
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest}
    assert ours.get(path, headers=headers).status_code == 403


def test_a_link_to_the_console_may_be_followed(ours: TestClient) -> None:
    headers = {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ours.get("/scenarios", headers=headers).status_code == 200


def test_a_person_without_a_session_is_led_to_the_entrance(stranger: TestClient) -> None:
    headers = {"accept": "text/html", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
    answer = stranger.get("/dlq", headers=headers | {"sec-fetch-site": "none"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/enter")
    assert stranger.get("/enter").status_code == 200


def test_the_token_of_this_start_opens_the_console(stranger: TestClient, state: ConsoleState) -> None:
    answer = stranger.post("/session", json={"token": "the-token"}, headers={"origin": OURS})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{state.guard.cookie}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "the-token" not in cookie
    assert stranger.get("/scenarios").status_code == 200


@pytest.mark.parametrize(
    "body", [{"token": "wrong"}, {"token": ""}, {"token": 1}, {}, ["the-token"], "the-token"]
)
def test_another_token_does_not_open_the_console(stranger: TestClient, body: object) -> None:
    answer = stranger.post("/session", json=body, headers={"origin": OURS})
    assert answer.status_code in (400, 403, 422)
    assert "set-cookie" not in answer.headers


def test_the_token_is_taken_from_our_own_entrance_alone(stranger: TestClient) -> None:
    answer = stranger.post("/session", json={"token": "the-token"}, headers={"origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_each_start_has_its_own_secrets() -> None:
    from lab.console.security import Keys

    one, other = Keys(), Keys()
    secrets = {one.token, one.session, one.csrf, other.token, other.session, other.csrf}
    assert len(secrets) == 6
    assert all(len(secret) >= 43 for secret in secrets)


def every_answer(ours: TestClient, stranger: TestClient) -> Iterator[tuple[str, dict[str, str]]]:
    for client, path in (
        (ours, "/"),
        (ours, "/nowhere"),
        (ours, "/api/dashboard"),
        (ours, "/static/console.js"),
        (stranger, "/"),
        (stranger, "/enter"),
    ):
        yield path, dict(client.get(path).headers)


def test_no_answer_may_be_framed_sniffed_or_read_by_others(ours: TestClient, stranger: TestClient) -> None:
    for path, headers in every_answer(ours, stranger):
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "script-src 'self';" in policy, path
        assert "unsafe-eval" not in policy, path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cross-origin-resource-policy"] == "same-origin", path
        assert "access-control-allow-origin" not in headers, path


def test_a_report_runs_no_scripts(ours: TestClient) -> None:
    policy = ours.get("/reports/none/report.html").headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "script-src" not in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/reports/../../pyproject.toml",
        "/reports/%2e%2e/%2e%2e/pyproject.toml",
        "/static/..%2fapp.py",
        "/runbooks/..%2f..%2fREADME",
    ],
)
def test_no_path_leads_out_of_its_folder(ours: TestClient, path: str) -> None:
    assert ours.get(path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize(
    "path",
    [
        *(path for _, path in ALL),
        "/static/no-such-file",
        "/static/web/no-such-file",
        "/static/",
        "/static/%2e%2e/app.py",
        "/static/%1b[31m",
        "/enter/",
        "/session/",
        "/nowhere",
        "/api/nowhere",
    ],
)
def test_no_secret_is_in_any_answer_to_a_stranger(stranger: TestClient, method: str, path: str) -> None:
    headers = {"origin": OURS, "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
    for accept in ("text/html", "application/json"):
        answer = stranger.request(method, path, headers=headers | {"accept": accept})
        told = f"{answer.headers} {answer.text}"
        assert [secret for secret in ("the-csrf", "the-session", "the-token") if secret in told] == []


def test_a_wrong_token_of_any_characters_is_refused(stranger: TestClient) -> None:
    """JSON can spell half a surrogate pair, which has no encoding to compare."""
    answer = stranger.post("/session", content=b'{"token": "\\ud800"}', headers={"origin": OURS})
    assert answer.status_code in (403, 422)


def test_the_pages_hold_no_secret_but_their_own_token(ours: TestClient) -> None:
    page = ours.get("/dlq").text
    assert "the-csrf" in page
    assert "the-session" not in page
    assert "the-token" not in page


ELSEWHERE = "https://lab-8090.forwarded.example"
BY_OTHER_NAMES = ("lab-8090.forwarded.example", f"localhost:{PORT}")
"""What the Host header of a forwarded request may be: the browser's, or what the forwarder puts there."""


@pytest.fixture
def from_elsewhere() -> TestClient:
    """A browser that knows the token, at a console whose user has named the forwarded address."""
    state = state_of(forwarded=(ELSEWHERE,))
    client = let_in(browser(state), state)
    client.headers["origin"] = ELSEWHERE
    return client


@pytest.mark.parametrize("host", BY_OTHER_NAMES)
def test_a_forwarded_port_that_was_named_opens_with_the_token(host: str) -> None:
    stranger = browser(state_of(forwarded=(ELSEWHERE,)))
    headers = {"host": host, "origin": ELSEWHERE}
    assert stranger.get("/api/reports", headers=headers).status_code == 401
    assert stranger.post("/session", json={"token": "wrong"}, headers=headers).status_code == 403
    assert stranger.post("/session", json={"token": "the-token"}, headers=headers).status_code == 200
    assert stranger.get("/scenarios", headers={"host": host}).status_code == 200


def test_a_forwarded_port_that_was_not_named_is_refused_even_with_a_session(ours: TestClient) -> None:
    by_name, rewritten = BY_OTHER_NAMES
    assert ours.get("/", headers={"host": by_name}).status_code == 421
    answer = ours.post("/api/orders", json={}, headers={"host": rewritten, "origin": ELSEWHERE})
    assert answer.status_code == 403


@pytest.mark.parametrize("host", BY_OTHER_NAMES)
@pytest.mark.parametrize("path", [path for path in ACTING if path not in OPEN_PATHS])
def test_a_forwarded_page_without_its_token_cannot_do_anything(
    from_elsewhere: TestClient, path: str, host: str
) -> None:
    del from_elsewhere.headers[CSRF_HEADER]
    answer = from_elsewhere.post(path, json={}, headers={"host": host})
    assert (answer.status_code, "token" in answer.json()["what"]) == (403, True)


@pytest.mark.parametrize("path", ACTING)
@pytest.mark.parametrize("origin", ["http://lab-8090.forwarded.example", f"{ELSEWHERE}.evil.example", OURS])
def test_a_forwarded_address_is_compared_to_the_letter(
    from_elsewhere: TestClient, path: str, origin: str
) -> None:
    headers = {"host": BY_OTHER_NAMES[0], "origin": origin}
    assert from_elsewhere.post(path, json={}, headers=headers).status_code == 403
    other = {"host": f"{BY_OTHER_NAMES[0]}.evil.example", "origin": ELSEWHERE}
    assert from_elsewhere.post(path, json={}, headers=other).status_code == 421


@pytest.mark.parametrize(
    "value", ["*", "lab.example", "https://*.example", "https://a.example/x", "ftp://a.example"]
)
def test_what_is_no_address_of_a_console_is_refused_by_its_variable(value: str) -> None:
    with pytest.raises(LabError, match="LAB_CONSOLE_HOSTS") as raised:
        forwarded(f"https://fine.example,{value}")
    assert "https://console.example" in raised.value.fix


def test_forwarded_addresses_are_taken_as_browsers_send_them() -> None:
    assert forwarded("") == ()
    assert forwarded(" https://Lab.example/ , http://[::1]:8090") == (
        "https://lab.example",
        "http://[::1]:8090",
    )
