"""A console for the deployed pipeline, asked as its own pages ask."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.testclient import TestClient

from lab.console.app import create_app
from lab.console.console_state import ConsoleState
from lab.console.jobs import Job
from lab.console.security import CSRF_HEADER, Guard, Keys
from lab.console.server import leave
from lab.engines.kinds import HOST
from lab.pipeline.observe import Pipeline
from support.eventually import eventually

PORT = 8090


class Page:
    """What a page of the console can ask for and do."""

    def __init__(self, state: ConsoleState, client: TestClient) -> None:
        self.state = state
        self._client = client

    def ask(self, path: str) -> Any:
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def act(self, path: str, **body: Any) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, **body: Any) -> str:
        answer = self._client.post(path, json=body)
        assert answer.status_code in (409, 422), answer.text
        return answer.json()["what"]

    def ended(self, within: float) -> Job:
        """The job, once it has ended."""
        eventually(lambda: self.state.jobs.last and not self.state.jobs.last.under_way, within=within)
        assert self.state.jobs.last
        return self.state.jobs.last


@contextmanager
def console(pipeline: Pipeline) -> Generator[Page]:
    """A console that looks at the pipeline for the duration of a `with` block, and leaves nothing behind."""
    port = urlsplit(pipeline.aws.endpoint or "").port or 0
    state = ConsoleState(Guard(PORT, Keys()), port, "dev", lambda: (pipeline, HOST))
    base_url = f"http://127.0.0.1:{PORT}"
    try:
        with TestClient(create_app(state), base_url=base_url) as client:
            client.cookies.set(state.guard.cookie, state.guard.keys.session)
            client.headers.update({"origin": base_url, CSRF_HEADER: state.guard.keys.csrf})
            yield Page(state, client)
    finally:
        leave(state, print)
