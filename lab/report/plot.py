# pyright: reportUnknownMemberType=false
# matplotlib types its keyword arguments as unknown
"""The plot of a timeline: depths and effects above, alarm states below, spans shaded.

It is drawn in the colours of the light page, which then become the page's own: so it follows the reader's theme. Its
legend is text of the page, which wraps where the page is narrow.
"""

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl

from lab.pipeline.timeline import Timeline
from lab.report.run import Percentiles

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT = "#1b1f24", "#57606a"
# Okabe-Ito: distinguishable with every common kind of colour blindness
COLOURS = {"processed": "#009e73", "queued": "#0072b2", "in_flight": "#56b4e9", "dlq": "#d55e00"}
LABELS = {"processed": "processed", "queued": "queue depth", "in_flight": "in flight", "dlq": "DLQ depth"}
STYLES = {"processed": "-", "queued": "-", "in_flight": "--", "dlq": "-"}
STATES = {"OK": "#009e73", "ALARM": "#d55e00", "INSUFFICIENT_DATA": "#999999"}
SHADES = {"fault-1": "#e69f00", "fault-2": "#cc79a7", "fault-3": "#f0e442"}
STROKES = ("-", "--", ":", "-.")
NINES = {0: "0", -math.log10(0.5): "50", 1: "90", 2: "99", 3: "99.9", 4: "99.99", 5: "99.999"}
"""Percentages by the number of their nines."""

DEPTHS_INCHES, BAND_INCHES, LABELS_INCHES = 3.2, 0.3, 0.8
FONTS = "system-ui, sans-serif"
STYLE = {
    "svg.hashsalt": "lab",
    "svg.fonttype": "none",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
THEMED = {INK: "--ink", SOFT: "--soft", STATES["INSUFFICIENT_DATA"]: "--unknown"} | {
    colour: f"--{name.replace('_', '-')}" for name, colour in (*COLOURS.items(), *SHADES.items())
}


@dataclass(frozen=True)
class Key:
    """One entry of the legend: a colour of the page, what it stands for, and how it is drawn."""

    variable: str
    text: str
    drawn: str


def svg(timeline: Timeline, alarms: list[str]) -> str:
    """The timeline as inline SVG. `alarms` are the alarms to show, one band each."""
    bands_inches = BAND_INCHES * max(1, len(alarms))
    with mpl.rc_context(cast("Any", STYLE)):
        figure, axes = plt.subplots(
            2,
            1,
            sharex=True,
            figsize=(11, DEPTHS_INCHES + bands_inches + LABELS_INCHES),
            height_ratios=[DEPTHS_INCHES, bands_inches],
            layout="constrained",
        )
        depths, bands = cast("tuple[Axes, Axes]", axes)
        _draw_depths(depths, timeline)
        _draw_alarms(bands, timeline, alarms)
        bands.set_xlim(0, timeline.end)
        bands.set_xlabel("seconds since the start")
        return _inline(figure)


def percentiles_svg(rows: Sequence[Percentiles]) -> str:
    """Milliseconds by percentile as inline SVG, one line each: every nine of the percentage has the same width."""
    rows = [row for row in rows if row.curve]
    if not rows:
        return ""
    with mpl.rc_context(cast("Any", STYLE)):
        figure, axes = plt.subplots(figsize=(11, DEPTHS_INCHES), layout="constrained")
        for row, colour, drawn in zip(rows, cycle(COLOURS.values()), cycle(STROKES), strict=False):
            nines, milliseconds = zip(*row.curve, strict=True)
            axes.plot(nines, milliseconds, color=colour, linestyle=drawn, linewidth=2, label=row.name)
        most = max(row.curve[-1][0] for row in rows)
        ticks = {nines: name for nines, name in NINES.items() if nines <= most}
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.set_xlabel("percent answered or processed within")
        axes.set_ylabel("milliseconds")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        return _inline(figure)


def _inline(figure: "Figure") -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    plt.close(figure)
    text = out.getvalue()
    return themed(text[text.index("<svg") :])


def legend(timeline: Timeline) -> list[Key]:
    """What the colours stand for: lines, the spans of this timeline, alarm states."""
    lines = [
        Key(THEMED[COLOURS[name]], text, "dashed" if STYLES[name] == "--" else "line")
        for name, text in LABELS.items()
    ]
    spans = [Key(THEMED[colour], name, "span") for name, colour in _shades(timeline).items()]
    states = {"OK": "alarm OK", "ALARM": "in ALARM", "INSUFFICIENT_DATA": "no data"}
    return lines + spans + [Key(THEMED[STATES[state]], text, "state") for state, text in states.items()]


def themed(text: str) -> str:
    """SVG whose colours and fonts are the page's."""
    for colour, variable in THEMED.items():
        text = text.replace(colour, f"var({variable})")
    return re.sub(r"font: (\S+) [^;\"]+", rf"font: \1 {FONTS}", text)


def _shades(timeline: Timeline) -> dict[str, str]:
    """A colour for each different span; from the fourth on they repeat."""
    names = dict.fromkeys(span.name for span in timeline.spans)
    return dict(zip(names, cycle(SHADES.values()), strict=False))


def _draw_depths(axes: "Axes", timeline: Timeline) -> None:
    at = [sample.at for sample in timeline.samples]
    for name, colour in COLOURS.items():
        values = [cast(int, getattr(sample, name)) for sample in timeline.samples]
        axes.step(at, values, where="post", color=colour, linewidth=2, linestyle=STYLES[name])
    shades = _shades(timeline)
    for span in timeline.spans:
        axes.axvspan(span.start, span.end, color=shades[span.name], alpha=0.25, linewidth=0)
    axes.set_ylabel("messages")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_alarms(axes: "Axes", timeline: Timeline, alarms: list[str]) -> None:
    for row, alarm in enumerate(alarms):
        for band in timeline.bands(alarm):
            colour = STATES.get(band.state, "#999999")
            axes.barh(row, band.end - band.start, left=band.start, height=0.6, color=colour, linewidth=0)
    axes.set_yticks(range(len(alarms)), alarms)
    axes.set_ylim(-0.6, len(alarms) - 0.4)
    axes.spines[["top", "right", "left"]].set_visible(False)
