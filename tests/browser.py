"""The system's Chromium, driven by Playwright: a page that must load nothing from elsewhere, and make no errors."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
INSIDE = ("data", "blob")


@dataclass
class Seen:
    """What a page did that no page of the lab may do."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def executable() -> str:
    """The browser's path. Fails, and never skips, where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise AssertionError(f"none of {', '.join(NAMES)} is installed; run: .ci/install-browser")


@contextmanager
def browsing(*, dark: bool = False, width: int = 1400, height: int = 1000) -> Generator[tuple[Page, Seen]]:
    """An empty page of a browser that ends with the block; its requests and errors are recorded."""
    seen = Seen()

    def record(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in INSIDE and parts.hostname != "127.0.0.1":
            seen.foreign.append(url)

    with sync_playwright() as playwright:
        # Root, which CI often is, has no sandbox.
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        page.on("request", lambda request: record(request.url))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on(
            "console",
            lambda message: seen.errors.append(message.text) if message.type == "error" else None,
        )
        try:
            yield page, seen
        finally:
            browser.close()
