"""A timeline as a table, and its spans as a tree."""

from lab.common.grid import Grid
from lab.common.output import Line, Terminal, joined, several, shown, styled, utc
from lab.trace.collector import Span
from lab.trace.order_timeline import OrderTimeline

SHORT_ID = 8


def show(timeline: OrderTimeline, console: Terminal, *, lines: bool) -> None:
    """Print a timeline; with `lines` also the log line and the payload behind each moment."""
    console.say(summary(timeline))
    console.print(timeline_table(timeline))
    if lines:
        for moment in timeline.moments:
            if behind := moment.line or moment.payload:
                console.say(styled(shown(behind), "dim"))
    for tree in trees(timeline.spans):
        console.print(tree)


def summary(timeline: OrderTimeline) -> str:
    """One line: the order, where it is, and how much happened to it."""
    counts = ", ".join(
        several(count, name)
        for name, count in (
            ("receive", timeline.receives),
            ("death", timeline.deaths),
            ("redrive", timeline.redrives),
        )
    )
    return (
        f"order {shown(timeline.order_id)}: {timeline.state}; {counts}, "
        f"{timeline.milliseconds} ms from first to last"
    )


def timeline_table(timeline: OrderTimeline) -> Grid:
    """A row for each moment: when (UTC), how long after the first, where, what, and how it is known."""
    several = len(timeline.correlation_ids) > 1
    titles = {one: f"submission {number}" for number, one in enumerate(timeline.correlation_ids, 1)}
    caption = "; ".join(
        f"{titles[correlation_id]}: {correlation_id}" if several else f"correlation id {correlation_id}"
        for correlation_id in titles
    )
    moments = timeline.moments
    first = next((moment.at for moment in moments if moment.at is not None), 0)
    columns: dict[str, list[Line]] = {
        "UTC": ["unknown" if moment.at is None else _clock(moment.at) for moment in moments],
        "+ms": ["" if moment.at is None else str(moment.at - first) for moment in moments],
        "of": [titles.get(moment.correlation_id, "") if several else "" for moment in moments],
        "where": [moment.where for moment in moments],
        "what": [moment.what for moment in moments],
        "known from": [styled(moment.source, "dim") for moment in moments],
    }
    return Grid("", columns, right=("+ms",), note=caption)


def trees(spans: tuple[Span, ...]) -> list[Line]:
    """The spans as one text for each root, children indented: name, start after the first span, duration."""
    by_id = {span.span_id: span for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in by_id else "", []).append(span)
    first = min((span.start for span in spans), default=0.0)

    def grown(span: Span, indent: str) -> list[Line]:
        below = [line for child in children.get(span.span_id, []) for line in grown(child, f"{indent}  ")]
        return [joined(f"\n{indent}", _label(span, first)), *below]

    return [
        joined(styled(f"trace {root.trace_id}", "bold"), *grown(root, "  ")) for root in children.get("", [])
    ]


def _label(span: Span, first: float) -> Line:
    return joined(
        styled(shown(f"{span.service} "), "dim"),
        styled(shown(span.name), "red" if span.failed else "default"),
        styled(f"  at {span.start - first:.1f} ms, {span.duration:.1f} ms", "dim"),
    )


def _clock(at: int) -> str:
    return utc(at, "%H:%M:%S.%f")
