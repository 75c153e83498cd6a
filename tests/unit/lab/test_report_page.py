"""A run's report and the index of runs, as a browser shows them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from lab import report
from lab.common import paths
from lab.common.results import Verdict
from lab.pipeline.timeline import Sample, Span, Timeline
from lab.report import Run
from lab.report.run import Excerpt
from support.browsers import chromium
from tests.support.accounts import account
from tests.support.results import result

pytestmark = pytest.mark.page

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with everything in it, and an index."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "REPORTS", tmp_path_factory.mktemp("reports"))
        return report.write(run(), ["critical-dlq-depth"])


def run() -> Run:
    timeline = Timeline(started=1_780_000_000)
    for second in range(20):
        ringing = "ALARM" if 8 <= second < 15 else "OK"
        dead = 5 if 6 <= second < 12 else 0
        timeline.samples.append(Sample(second, 3, 2, dead, second, {"critical-dlq-depth": ringing}))
    timeline.spans.append(Span("failure mode poison_payload", 5, 11))
    findings = [
        result(
            "fault",
            "messages in the DLQ",
            "5",
            "5",
            Verdict.PROVED,
            source="SQS",
            seconds=1.0,
            guess="4",
            guessed_right=False,
            why="A poisoned order goes to the `DLQ` at once.",
        ),
        result("fault", "category of death", "5 x VALIDATION", HOSTILE, Verdict.REFUTED, seconds=30.0),
        result("recovery", "DLQ alarm", "OK", "no alarms here", Verdict.NOT_PROVABLE),
    ]
    return Run(
        "poison-payload",
        "Poison payload: straight to the DLQ",
        "host engine",
        timeline,
        account=account(done=list("abcde")),
        figures={"in the DLQ": "5"},
        timings={"to detect": "3.0 s"},
        hypothesis="It dies at once.",
        story=["The mode `poison_payload` corrupts what the worker reads."],
        findings=findings,
        excerpts=[Excerpt(6.5, "worker", "corr-1", "order.dead_lettered", "errorCategory VALIDATION", "o-1")],
    )


@pytest.fixture(params=["light", "dark"])
def page(browser: Browser, written: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page in a theme. It asks for nothing but itself and makes no error."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text))
    page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: troubles.append(request.url) if not expected(request.url) else None)
    page.goto(written.as_uri())
    yield page
    context.close()
    assert troubles == []


def expected(url: str) -> bool:
    return url.startswith("file:") and url.endswith(".html")


def test_predictions_stand_beside_results_by_act(page: Page) -> None:
    assert page.locator("tr.group").all_inner_texts()[:2] == ["fault", "recovery"]
    assert page.locator("td.verdict").all_inner_texts() == ["proved", "refuted", "not provable here"]
    assert page.locator("tr.proved td.guess").inner_text() == "4 wrong"
    assert page.get_by_text(HOSTILE).is_visible()
    assert page.locator("header code").inner_text() == "poison_payload"


def test_the_plot_shows_the_fault_and_the_alarm_in_the_colours_of_the_page(page: Page) -> None:
    assert page.locator("figure svg").bounding_box()["width"] > 900  # pyright: ignore
    legend = page.locator(".legend li").all_inner_texts()
    assert {"DLQ depth", "failure mode poison_payload", "in ALARM"} <= set(legend)
    ink = page.evaluate("getComputedStyle(document.body).color")
    label = page.locator("figure svg text", has_text="messages")
    assert label.evaluate("text => getComputedStyle(text).fill") == ink


def test_text_can_be_read_in_both_themes(page: Page) -> None:
    light_paper = page.evaluate("matchMedia('(prefers-color-scheme: light)').matches")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") is light_paper


def test_a_persons_score_is_told_and_each_miss_explained(page: Page) -> None:
    assert page.locator(".card", has_text="your predictions right").locator("b").inner_text() == "0 of 1"
    assert page.get_by_role("heading", name="Your predictions: 0 of 1").is_visible()
    assert page.locator("#misses dt").all_inner_texts() == ["fault, messages in the DLQ: you said 4, seen 5"]
    assert page.locator("#misses dd").all_inner_texts() == ["A poisoned order goes to the DLQ at once."]


@pytest.mark.parametrize("width", [390, 420])
def test_the_page_fits_into_a_narrow_window_with_what_was_seen_and_its_verdict(
    page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for cell in page.locator(".results td.verdict, .results td.seen").all():
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width


def test_a_printed_page_is_black_on_white_without_the_way_back(page: Page) -> None:
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_role("link", name="All runs").is_visible()


def test_the_index_lists_the_run_and_leads_to_it_and_back(page: Page) -> None:
    page.get_by_role("link", name="All runs").click()
    row = page.locator("#runs tbody tr")
    assert row.count() == 1
    assert "failed" in row.inner_text()
    page.get_by_role("link", name="Poison payload").click()
    assert page.get_by_role("heading", name="Poison payload").is_visible()
