"""Live charts: nothing comes from elsewhere, and every colour can be seen in both themes."""

import json
import re
import subprocess
from typing import Any

import pytest

from lab.common import paths
from lab.common.output import shown
from lab.common.web import PLOTLY, assets, media_type
from tests.support.strangers import TEXTS


def text(name: str) -> str:
    return assets()[name].read_text(encoding="utf-8")


def variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--charts-([a-z0-9]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def themes() -> dict[str, dict[str, str]]:
    css = text("charts.css")
    light = variables(css[: css.index("@media")])
    dark = variables(css[css.index(':root[data-theme="dark"]') :])
    return {"light": light, "dark": light | dark}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_stand_out_from_the_ground(theme: str) -> None:
    """WCAG 2.2, 1.4.11: at least 3 to 1."""
    colours = themes()[theme]
    series = {name: colour for name, colour in colours.items() if name.isdigit()}
    assert len(series) == 5
    assert {n: c for n, c in series.items() if contrast(c, colours["ground"]) < 3} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ink", ["ink", "soft"])
def test_text_can_be_read(theme: str, ink: str) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    colours = themes()[theme]
    assert contrast(colours[ink], colours["ground"]) >= 4.5


def test_the_dark_theme_is_the_same_whether_the_system_or_the_page_asks_for_it() -> None:
    css = text("charts.css")
    by_system = variables(css[css.index("@media") : css.index(':root[data-theme="dark"]')])
    assert by_system == variables(css[css.index(':root[data-theme="dark"]') :])


def test_no_asset_loads_from_another_host() -> None:
    for name in assets():
        if name != PLOTLY:
            assert re.findall(r"https?://", text(name)) == []


def test_plotly_comes_out_of_its_wheel() -> None:
    assert text(PLOTLY).startswith("/**\n* plotly.js v")


@pytest.mark.parametrize(("name", "kind"), [("a.js", "text/javascript"), ("a.css", "text/css")])
def test_assets_have_their_content_type(name: str, kind: str) -> None:
    assert media_type(name) == f"{kind}; charset=utf-8"


@pytest.mark.parametrize("name", ["__init__.py", "plain", "a.map"])
def test_a_name_that_is_not_an_asset_has_no_content_type(name: str) -> None:
    assert media_type(name) == ""
    assert name not in assets()


def node(expression: str) -> Any:
    """The value of an expression in JavaScript that may use what text.js exports."""
    module = json.dumps((paths.ROOT / "lab" / "common" / "web" / "text.js").as_uri())
    script = f"import {{ shown, label }} from {module}; console.log(JSON.stringify({expression}))"
    command = [str(paths.ENVIRONMENTS / "node" / "bin" / "node"), "--input-type=module", "-e", script]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_pages_show_invisible_characters_as_json_escapes() -> None:
    given = [*TEXTS, "[red]é😀\n\t", "\u3164\ufe0f\U000e0100\xa0\xad"]
    found = node(f"{json.dumps(given)}.map(shown)")
    assert all(shown(text, lines=True) == text for text in found)
    assert [json.loads(f'"{text}"', strict=False) for text in found if '"' not in text] == [
        text for text in given if '"' not in text
    ]


def test_labels_of_plots_are_text_to_plotly() -> None:
    assert node("""label('<a href="x">%{y}&lt;')""") == '&#60;a href="x"&#62;&#37;{y}&#38;lt;'


def test_no_page_takes_text_for_markup_or_code() -> None:
    """But for the server's own Markdown, whose renderer lets no HTML through."""
    folders = ("lab/console/static", "lab/common/web", "loadtests/webui")
    sources = {file: file.read_text() for folder in folders for file in (paths.ROOT / folder).glob("*.js")}
    assert len(sources) > 8
    sinks = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser"
    )
    found = [line.strip() for text in sources.values() for line in text.splitlines() if sinks.search(line)]
    assert [line.partition(";")[0] for line in found] == ["body.innerHTML = widget.html"]
