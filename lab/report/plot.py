# pyright: reportUnknownMemberType=false
# matplotlib types its keyword arguments as unknown
"""The plot of a timeline: depths and effects above, alarm states below, spans shaded."""

import io
from typing import TYPE_CHECKING, Any, cast

import matplotlib as mpl

from lab.timeline import Timeline

mpl.use("svg")

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe-Ito: distinguishable with every common kind of colour blindness
COLOURS = {"processed": "#009E73", "queued": "#0072B2", "in_flight": "#56B4E9", "dlq": "#D55E00"}
LABELS = {"processed": "processed", "queued": "queue depth", "in_flight": "in flight", "dlq": "DLQ depth"}
STATES = {"OK": "#009E73", "ALARM": "#D55E00", "INSUFFICIENT_DATA": "#999999"}
SHADES = ("#E69F00", "#CC79A7", "#56B4E9")


def svg(timeline: Timeline, alarms: list[str]) -> str:
    """The timeline as inline SVG. `alarms` are the alarms to show, one band each."""
    figure, axes = plt.subplots(
        2,
        1,
        sharex=True,
        figsize=(10, 4.8),
        height_ratios=[4, max(0.6, 0.45 * len(alarms))],
        layout="constrained",
    )
    depths, bands = cast("tuple[Axes, Axes]", axes)
    _draw_depths(depths, timeline)
    _draw_alarms(bands, timeline, alarms)
    end = timeline.samples[-1].at if timeline.samples else 1
    bands.set_xlim(0, end)
    bands.set_xlabel("seconds since the start")
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "lab", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = out.getvalue()
    return text[text.index("<svg") :]


def _draw_depths(axes: "Axes", timeline: Timeline) -> None:
    at = [sample.at for sample in timeline.samples]
    for name, colour in COLOURS.items():
        values = [cast(int, getattr(sample, name)) for sample in timeline.samples]
        axes.step(at, values, where="post", color=colour, label=LABELS[name], linewidth=1.8)
    for number, span in enumerate(timeline.spans):
        axes.axvspan(span.start, span.end, color=SHADES[number % len(SHADES)], alpha=0.18, label=span.name)
    axes.set_ylabel("messages")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", ncols=2, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_alarms(axes: "Axes", timeline: Timeline, alarms: list[str]) -> None:
    for row, alarm in enumerate(alarms):
        for sample, after in zip(timeline.samples, timeline.samples[1:], strict=False):
            state = sample.alarms.get(alarm, "INSUFFICIENT_DATA")
            width = after.at - sample.at
            axes.barh(row, width, left=sample.at, height=0.7, color=STATES.get(state, "#999999"), linewidth=0)
    axes.set_yticks(range(len(alarms)), alarms)
    axes.set_ylim(-0.6, len(alarms) - 0.4)
    handles: list[Any] = [Rectangle((0, 0), 1, 1, color=colour) for colour in STATES.values()]
    axes.legend(
        handles,
        ["OK", "ALARM", "no data"],
        loc="upper right",
        bbox_to_anchor=(1, -0.55),
        ncols=3,
        frameon=False,
        fontsize="small",
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
