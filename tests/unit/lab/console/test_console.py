"""The console without an engine: it serves, says what is missing, and checks what it is sent."""

import asyncio
import json
import socket
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Route
from starlette.testclient import TestClient

from functions.publish.envelope import Envelope
from lab.console.connection import Connection
from lab.console.live import Live
from lab.console.routes import dlq, faults, jobs, pages, pipeline, runbooks
from lab.console.routes.pages import PAGES, templates
from lab.console.routes.runbooks import RUNBOOKS, commands
from lab.console.server import listening
from lab.console.switches import Switches
from lab.dlq.browser import Browsed, DlqBrowser
from lab.engines.kinds import HOST
from lab.errors import LabError
from lab.games.puzzles import PUZZLES, Puzzle
from support.eventually import eventually
from tests.support.pages import section
from tests.support.strangers import NUMBERS, letters, texts
from tests.unit.lab.console.doors import browser, let_in, no_engine, state_of

ACTING = [
    route.path
    for area in (pages, pipeline, dlq, faults, jobs, runbooks)
    for route in area.ROUTES
    if isinstance(route, Route) and "POST" in (route.methods or ())
]


@pytest.fixture
def ours() -> TestClient:
    state = state_of()
    return let_in(browser(state, raise_server_exceptions=False), state)


@pytest.mark.parametrize("path", [path for path, _, _ in PAGES])
def test_every_page_is_served_without_an_engine(ours: TestClient, path: str) -> None:
    answer = ours.get(path)
    assert answer.status_code == 200
    assert 'aria-current="page"' in answer.text


@pytest.mark.parametrize("path", ["/api/dashboard", "/api/alarms"])
def test_a_route_that_needs_the_pipeline_names_the_command_to_run(ours: TestClient, path: str) -> None:
    answer = ours.get(path)
    assert answer.status_code == 503
    assert answer.json() == {"what": "No engine is running on port 4566.", "fix": "Run: make up"}


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/api/orders", {"count": 0}, "count must be"),
        ("/api/orders", {"count": 10**6}, "count must be"),
        ("/api/orders", {"count": "5"}, "count must be"),
        ("/api/faults/on", {"name": "", "seconds": 60}, "name must be"),
        ("/api/faults/on", {"name": "poison_payload", "seconds": 5}, "seconds must be"),
        ("/api/dlq/look", {"limit": 10, "plan": {"minAgeSeconds": -1}}, "minAgeSeconds"),
        ("/api/dlq/look", {"limit": 10, "plan": {"unknown": 1}}, "unknown"),
        ("/api/dlq/look", {"limit": 10, "plan": []}, "plan must be an object"),
        (
            "/api/dlq/redrive",
            {"plan": {}, "digest": "other", "confirmation": "other", "eligible": 1},
            "not the plan",
        ),
        (
            "/api/dlq/repair",
            {"messageId": "12345678-9", "body": "{}", "confirmation": "no"},
            "nothing was done",
        ),
        ("/api/dlq/discard", {"messageId": "12345678-9", "reason": " "}, "reason must be"),
        ("/api/scenarios/run", {"name": "no-such"}, "There is no scenario"),
        ("/api/scenarios/run", {"name": "happy-path", "withoutFault": 1}, "withoutFault must be"),
        ("/api/job/cancel", {}, "Nothing is under way"),
        ("/api/runbooks/run", {"place": 0}, "place must be"),
        ("/api/runbooks/run", {"place": 10**3}, "place must be"),
        ("/api/runbooks/run", {"command": "id"}, "place must be"),
    ],
)
def test_an_invalid_request_is_refused_with_the_reason_and_a_fix(
    ours: TestClient, path: str, body: Any, told: str
) -> None:
    answer = ours.post(path, json=body)
    assert answer.status_code in (409, 422)
    assert told in answer.json()["what"]
    assert answer.json()["fix"]


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"no json", 400), (b"[]", 400), (b"x" * 3_000_000, 413)],
    ids=["text", "list", "huge"],
)
def test_a_body_that_is_not_an_object_or_is_too_large_is_refused(
    ours: TestClient, content: bytes, status: int
) -> None:
    assert ours.post("/api/orders", content=content).status_code == status


UNPARSABLE = {
    "nested lists": b"[" * 100_000 + b"]" * 100_000,
    "nested in a field": b'{"token":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "digits": b'{"count":' + b"9" * 5000 + b"}",
    "no UTF-8": b'{"token":"\xff"}',
    "NaN": b'{"token":NaN}',
    "UTF-16": '{"token":"x"}'.encode("utf-16"),
}


@pytest.mark.parametrize("path", ACTING)
@pytest.mark.parametrize("content", UNPARSABLE.values(), ids=UNPARSABLE)
def test_a_body_that_cannot_be_parsed_is_one_line_wherever_it_is_sent(
    ours: TestClient, path: str, content: bytes
) -> None:
    answer = ours.post(path, content=content)
    assert (answer.status_code, len(answer.json()["what"].splitlines())) == (400, 1)
    assert len(answer.content) < 500


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(NUMBERS), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)
FIELDS = (
    *("token", "plan", "limit", "digest", "eligible", "messageId", "body", "confirmation", "reason"),
    *("name", "seconds", "knob", "withoutFault", "count"),
)
plans = st.dictionaries(
    st.one_of(
        st.sampled_from(("errorType", "errorCategory", "bodyContains", "minAgeSeconds", "force")), texts
    ),
    json_values,
    max_size=4,
)
bodies = st.one_of(
    st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=6),
    st.fixed_dictionaries(
        {"plan": plans, "limit": st.just(5), "digest": texts, "messageId": texts, "body": texts}
    ),
    json_values,
).map(lambda value: json.dumps(value).encode())


@pytest.mark.parametrize("path", ACTING)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(bodies, st.binary(max_size=40)))
def test_no_body_makes_the_console_fail(ours: TestClient, path: str, content: bytes) -> None:
    """Property: it is refused in words, or what it asks for lacks an engine."""
    answer = ours.post(path, content=content)
    assert answer.status_code in (400, 403, 409, 422, 503), answer.text
    assert answer.json()["what"]
    assert answer.json()["fix"]


@pytest.mark.parametrize(
    "query", ["seconds=" + "9" * 5000, "period=" + "9" * 5000, "seconds=²", "seconds=-1"]
)
def test_a_number_in_a_query_is_bounded(ours: TestClient, query: str) -> None:
    assert ours.get(f"/api/dashboard?{query}").status_code == 422


@given(st.lists(letters, max_size=3))
def test_letters_of_strangers_are_answered_as_ascii_json(held: list[Envelope]) -> None:
    """Property: the DLQ page hears of each letter, whatever is in it, and nothing but JSON."""
    state = state_of(lambda: (cast("Any", None), HOST))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DlqBrowser, "__init__", lambda _self, _pipeline: None)
        patch.setattr(DlqBrowser, "browse", lambda _self, _limit: Browsed(held, complete=True))
        page = let_in(browser(state), state)
        answer = page.post("/api/dlq/look", json={"plan": {"force": True, "minAgeSeconds": 0}, "limit": 10})
    assert answer.status_code == 200
    assert answer.content.isascii()
    assert {letter["body"] for letter in answer.json()["letters"]} <= {envelope.body for envelope in held}


def test_a_value_in_a_page_is_escaped() -> None:
    page = templates.env.get_template("missing.html.j2").render(
        title="<script>alert(1)</script>", pages=[], path=""
    )
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_fault_of_the_console_is_told_without_its_insides(
    ours: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_path: Any) -> Any:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("lab.console.routes.jobs.lines", crash)
    answer = ours.get("/api/reports")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(("path", "kind"), [("/nowhere", "text/html"), ("/api/nowhere", "application/json")])
def test_a_missing_path_is_answered_as_a_page_or_as_json(ours: TestClient, path: str, kind: str) -> None:
    answer = ours.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(kind)


def test_a_runbook_is_a_page(ours: TestClient) -> None:
    answer = ours.get("/runbooks/critical-dlq-depth")
    assert answer.status_code == 200
    assert "<code" in answer.text
    assert ours.get("/runbooks/no-such").status_code == 404


def test_commands_of_the_runbook_of_settings_can_be_run_and_others_cannot(ours: TestClient) -> None:
    assert "runbook.js" in ours.get("/runbooks/settings").text
    assert "runbook.js" not in ours.get("/runbooks/critical-dlq-depth").text


@pytest.mark.parametrize("puzzle", PUZZLES, ids=lambda puzzle: puzzle.name)
def test_look_and_cure_of_a_puzzle_are_commands_that_can_be_run(puzzle: Puzzle) -> None:
    assert set(section(RUNBOOKS / "settings.md", puzzle.section)) <= set(commands()[1:])


def test_everything_the_pages_load_comes_from_the_console(ours: TestClient) -> None:
    import re

    for path, _, _ in PAGES:
        page = ours.get(path).text
        loaded = re.findall(r'(?:src|href)="([^"#]+)"', page)
        assert loaded
        assert [url for url in loaded if not url.startswith("/")] == []
        files = [url for url in loaded if url.startswith("/static/")]
        assert {ours.get(file).status_code for file in files} == {200}
    for name in ("plotly.min.js", "charts.js", "charts.css"):
        assert ours.get(f"/static/web/{name}").status_code == 200
    assert ours.get("/static/web/no-such.js").status_code == 404


def test_a_busy_port_is_told_with_its_owner_and_another_one() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LabError, match=f"Port {port} is in use by .*pid") as raised:
            listening(port)
    assert raised.value.fix.endswith(f"make console CONSOLE_PORT={port + 1}")


def test_the_console_listens_on_loopback_alone() -> None:
    with listening(0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


class FakePipeline:
    """A pipeline whose queue answers, or does not."""

    answers = True

    class stack:  # noqa: N801  as the pipeline spells it
        prefix = "ingestion-dev"

    def queue(self) -> None:
        if not self.answers:
            import httpx

            raise httpx.ConnectError("gone")


def test_an_engine_that_goes_and_comes_back_is_found_again() -> None:
    pipelines: list[Any] = [FakePipeline()]

    def connect() -> tuple[Any, str]:
        return (pipelines[0], HOST) if pipelines else no_engine()

    connection = Connection(connect)
    assert connection.state().what == "host engine, ingestion-dev"
    pipelines.pop().answers = False
    missing = connection.state()
    assert (missing.kind, missing.fix) == ("missing", "Run: make up")
    pipelines.append(FakePipeline())
    assert connection.state().kind == "ready"
    assert connection.pipeline() is pipelines[0]


def test_following_pages_hear_of_a_missing_engine_and_a_slow_page_gets_the_latest() -> None:
    live = Live(Connection(no_engine), Switches(), every=0.01)

    async def follow() -> list[tuple[str, str]]:
        with live.follower() as follower:
            live.start()
            events = follower.events()
            first = await asyncio.wait_for(anext(events), 5)
            for number in range(100):
                follower.tell("job", str(number))
            await asyncio.sleep(0.05)
            told = [first]
            while told[-1][0] != "job":
                told.append(await asyncio.wait_for(anext(events), 5))
            return told

    try:
        told = asyncio.run(follow())
    finally:
        live.stop()
    assert '"fix":"Run: make up"' in told[0][1]
    assert told[-1] == ("job", "99")


def test_a_failed_update_of_the_pages_is_followed_by_the_next_one() -> None:
    calls: list[int] = []

    def crash() -> Any:
        calls.append(1)
        raise ZeroDivisionError("oh")

    live = Live(Connection(crash), Switches(), every=0.01)
    live.start()
    try:
        eventually(lambda: len(calls) > 1)
    finally:
        live.stop()
