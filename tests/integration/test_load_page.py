"""The pipeline's charts in Locust's web UI, looked at in a browser while a run goes on."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, expect

from lab.common import paths
from lab.engines.direct import DIRECT
from lab.pipeline.observe import Pipeline
from support.browsers import chromium
from support.eventually import eventually
from tests.conftest import free_port
from tests.support.loads import PATIENT, started

pytestmark = pytest.mark.page

CHARTS = 11
SHOT = paths.LAB / "screenshots" / "load-tab.png"
CLOCKS = """() => {
    const last = (plot) => new Date(plot.data[0].x.at(-1)).getTime() / 1000;
    return [...document.querySelectorAll("#pipeline .charts-plot")].slice(0, 9).map(last);
}"""

TOO_WIDE = "() => document.documentElement.scrollWidth - window.innerWidth"


@dataclass
class Seen:
    """What a page did that no page of the lab may do."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def browsing(*, dark: bool = False) -> Generator[tuple[Page, Seen]]:
    """An empty page; what it asks of other hosts, and its errors, are recorded."""
    seen = Seen()

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            seen.foreign.append(request.url)

    def told(message: ConsoleMessage) -> None:
        if message.type == "error":
            seen.errors.append(message.text)

    with chromium() as browser:
        page = browser.new_page(color_scheme="dark" if dark else "light")
        page.set_viewport_size({"width": 1400, "height": 1000})
        page.on("request", asked)
        page.on("console", told)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        yield page, seen


def answers(url: str) -> bool:
    try:
        return httpx.get(url, **DIRECT).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def web_ui(pipeline: Pipeline) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with started(pipeline, "steady", "--seconds", "12", "--web-port", str(port), *PATIENT):
        eventually(lambda: answers(url), within=60)
        yield url


def test_the_tab_shows_the_pipeline_on_the_clock_of_the_run_and_then_its_verdict(web_ui: str) -> None:
    with browsing() as (page, seen):
        page.goto(web_ui)
        expect(page.get_by_role("heading", name="What the shape decides")).to_be_visible()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("tab", name="Pipeline", selected=True)).to_be_visible()
        expect(page.get_by_role("heading", name="What the shape decides")).to_be_hidden()
        charts = page.locator("#pipeline figure")
        expect(charts).to_have_count(CHARTS)
        expect(page.locator("#pipeline .main-svg").first).to_be_visible(timeout=20_000)
        for figure in charts.all():
            plot = figure.locator(".charts-plot")
            assert plot.get_attribute("role") == "img"
            assert plot.get_attribute("aria-labelledby")
            assert figure.locator(".charts-now").inner_text()
        expect(page.locator("#pipeline figure", has_text="Load, users")).to_contain_text(
            "users 5", timeout=20_000
        )
        expect(page.get_by_text("messages waiting / in flight / delayed")).to_be_visible()
        clocks = page.evaluate(CLOCKS)
        assert max(clocks) - min(clocks) == 0, "every chart ends at the same moment"
        assert abs(clocks[0] - time.time()) < 15
        SHOT.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SHOT, full_page=True)
        expect(page.get_by_role("heading", name='Run "steady": every threshold kept')).to_be_visible(
            timeout=90_000
        )
        expect(page.get_by_text("lost 0, duplicated 0, unaccounted 0")).to_be_visible()
        assert seen.errors == []
        assert seen.foreign == []


def test_no_page_of_locust_is_wider_than_a_window_of_1280_pixels(web_ui: str) -> None:
    with browsing() as (page, _):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(web_ui)
        expect(page.get_by_role("heading", name="What the shape decides")).to_be_visible()
        page.screenshot(path=SHOT.with_name("load-start.png"), full_page=True)
        assert page.evaluate(TOO_WIDE) <= 0
        page.get_by_role("button", name="Start").click()
        for tab in ("Pipeline", "Statistics", "Charts", "Failures", "Workers"):
            if (found := page.get_by_role("tab", name=tab)).count():
                found.click()
                expect(found).to_have_attribute("aria-selected", "true")
                page.wait_for_load_state("networkidle")
                page.screenshot(path=SHOT.with_name(f"load-{tab.lower()}.png"), full_page=True)
                assert page.evaluate(TOO_WIDE) <= 0, tab


def test_a_load_that_is_not_allowed_is_refused_on_the_page(web_ui: str) -> None:
    with browsing(dark=True) as (page, seen):
        answer = httpx.post(f"{web_ui}swarm", data={"usual": "500"}, **DIRECT)
        assert answer.is_success
        page.goto(f"{web_ui}pipeline/")
        expect(page.get_by_role("heading", name="Not started")).to_be_visible()
        expect(page.get_by_text("at most 200 are allowed")).to_be_visible()
        assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(18, 18, 18)"
        assert seen.errors == []
        assert seen.foreign == []


def test_no_load_goes_anywhere_but_to_loopback(web_ui: str) -> None:
    httpx.post(f"{web_ui}swarm", data={"host": "http://192.0.2.1"}, **DIRECT)
    told = eventually(
        lambda: httpx.get(f"{web_ui}pipeline/vitals.json", **DIRECT).json()["refusal"], within=10
    )
    assert "not on this machine's loopback" in told
    assert httpx.get(f"{web_ui}stats/requests", **DIRECT).json()["user_count"] == 0
