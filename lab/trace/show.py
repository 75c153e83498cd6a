"""A timeline as a table, and its spans as a tree."""

from rich.table import Table
from rich.tree import Tree

from lab.common.output import Line, Terminal, joined, shown, styled, utc
from lab.trace.collector import Span
from lab.trace.order_timeline import OrderTimeline

SHORT_ID = 8


def show(timeline: OrderTimeline, console: Terminal, *, lines: bool) -> None:
    """Print a timeline; with `lines` also the log line behind each moment."""
    console.say(summary(timeline))
    console.print(timeline_table(timeline))
    if lines:
        for moment in timeline.moments:
            if moment.line:
                console.say(styled(moment.line, "dim"))
    for tree in trees(timeline.spans):
        console.print(tree)


def summary(timeline: OrderTimeline) -> str:
    """One line: the order, where it is, and how much happened to it."""
    counts = ", ".join(
        f"{count} {name}{'' if count == 1 else 's'}"
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


def timeline_table(timeline: OrderTimeline) -> Table:
    """A row for each moment: when (UTC), how long after the first, where, what, and how it is known."""
    several = len(timeline.correlation_ids) > 1
    titles = {one: f"submission {number}" for number, one in enumerate(timeline.correlation_ids, 1)}
    caption = "; ".join(
        f"{titles[correlation_id]}: {correlation_id}" if several else f"correlation id {correlation_id}"
        for correlation_id in titles
    )
    table = Table(box=None, caption=shown(caption), caption_justify="left", pad_edge=False)
    table.add_column("UTC", no_wrap=True)
    table.add_column("+ms", justify="right", no_wrap=True)
    if several:
        table.add_column("of", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("known from", no_wrap=True, style="dim")
    first = next((moment.at for moment in timeline.moments if moment.at is not None), 0)
    for moment in timeline.moments:
        table.add_row(
            "unknown" if moment.at is None else _clock(moment.at),
            "" if moment.at is None else str(moment.at - first),
            *([titles.get(moment.correlation_id, "")] if several else []),
            moment.where,
            moment.what,
            moment.source,
        )
    return table


def trees(spans: tuple[Span, ...]) -> list[Tree]:
    """The spans as one tree for each root: name, start after the first span, duration."""
    by_id = {span.span_id: span for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in by_id else "", []).append(span)
    first = min((span.start for span in spans), default=0.0)

    def grow(branch: Tree, span: Span) -> None:
        for child in children.get(span.span_id, []):
            grow(branch.add(_label(child, first)), child)

    roots: list[Tree] = []
    for root in children.get("", []):
        tree = Tree(styled(f"trace {root.trace_id}", "bold"))
        grow(tree.add(_label(root, first)), root)
        roots.append(tree)
    return roots


def _label(span: Span, first: float) -> Line:
    return joined(
        styled(f"{span.service} ", "dim"),
        styled(span.name, "red" if span.failed else "default"),
        styled(f"  at {span.start - first:.1f} ms, {span.duration:.1f} ms", "dim"),
    )


def _clock(at: int) -> str:
    return utc(at, "%H:%M:%S.%f")
