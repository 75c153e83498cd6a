// Live charts of readings on one time axis, drawn with plotly.js.
//
//   const charts = new Charts(element, { charts: PIPELINE });
//   await follow(charts, "vitals.json");
//
// A reading is an object with `at` (epoch seconds) and whatever the charts' series pick out of it.

import { label, shown as visible } from "./text.js";

const WINDOW_SECONDS = 600;
// Of marks' titles, in pixels: a letter's width, a row's height; and how many rows there are.
const [TITLE_LETTER, TITLE_HEIGHT, TITLE_ROWS] = [6.5, 14, 3];
const DASHES = ["solid", "dot", "dash", "dashdot", "longdash"];
const REACHED = new Map([["OK", 0], ["CLOSED", 0], ["ALARM", 1], ["OPEN", 1], ["HALF_OPEN", 2]]);
const LANES = [
  { name: "OK, closed", colour: 3, width: 6 },
  { name: "ALARM, open", colour: 2, width: 16 },
  { name: "half-open", colour: 4, width: 11 },
  { name: "no data", colour: 5, width: 2 },
];

/** The charts of a pipeline's signals (lab/pipeline/signals.py). A series that picks null leaves a gap. */
export const PIPELINE = [
  {
    title: "Queue", unit: "messages",
    series: [
      ["waiting", (v) => v.queue.visible],
      ["in flight", (v) => v.queue.in_flight],
      ["delayed", (v) => v.queue.delayed],
    ],
  },
  { title: "Age of the oldest message", unit: "s", series: [["oldest", (v) => v.oldest_seconds]] },
  {
    title: "Dead-letter queue", unit: "messages",
    series: [["dead letters", (v) => v.dlq.visible + v.dlq.in_flight + v.dlq.delayed]],
  },
  {
    title: "Orders", unit: "per second",
    series: [
      ["accepted", (v) => v.rates.accepted],
      ["processed", (v) => v.rates.processed],
      ["duplicates absorbed", (v) => v.rates.duplicates],
      ["failed attempts", (v) => v.rates.failed],
    ],
  },
  {
    // One redriven order took minutes where others take milliseconds: a linear scale would show nothing but that one.
    title: "From accepted to processed", unit: "ms, logarithmic", log: true,
    series: ["p50", "p95", "p99"].map((name) => [name, (v) => v.latency && v.latency[name]]),
  },
  {
    title: "Throttles and refusals", unit: "per second",
    series: [
      ["worker throttled", (v) => v.rates.worker_throttled],
      ["ingest throttled", (v) => v.rates.ingest_throttled],
      ["API 4xx", (v) => v.rates.client_errors],
      ["API 5xx", (v) => v.rates.server_errors],
    ],
  },
  {
    title: "Alarms and circuit breakers", wide: true,
    lanes: (v) => ({
      ...Object.fromEntries(Object.entries(v.circuits).map(([name, state]) => [`circuit ${name}`, state])),
      ...v.alarms,
    }),
  },
];

/** Draws charts into an element and keeps them up to date. */
export class Charts {
  /** `window` is how many seconds are shown; `charts` are definitions such as PIPELINE's. */
  constructor(root, { charts, window = WINDOW_SECONDS }) {
    this.window = window;
    this.readings = [];
    this.marks = [];
    root.classList.add("charts");
    this.state = element("p", { className: "charts-state", role: "status" }, "waiting for the first reading");
    const grid = element("div", { className: "charts-grid" });
    this.panels = charts.map((chart) => new Panel(grid, chart));
    this.table = element("tbody");
    root.append(this.state, grid, this.#figures());
    this.root = root;
    const redraw = () => this.draw();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    addEventListener("resize", redraw);
  }

  /** Seconds since the epoch of the latest reading; 0 before there is one. */
  get latest() {
    return this.readings.length ? this.readings[this.readings.length - 1].at : 0;
  }

  /** Add readings, oldest first; those that the window has left are dropped. `marks` are {at, name}.
   *
   * A reading's `faults` name what was in force then, which is shown as a band. */
  add(readings, marks = []) {
    const known = this.latest;
    this.readings.push(...readings.filter((reading) => reading.at > known));
    const start = this.latest - this.window;
    this.readings = this.readings.filter((reading) => reading.at >= start);
    this.marks = [...marks, ...bandsOf(this.readings)].filter((mark) => (mark.until ?? mark.at) >= start);
    this.draw();
  }

  /** Say how old the figures are, and whether the engine answers late. */
  tell(text, late = false) {
    if (this.state.textContent !== visible(text)) this.state.textContent = visible(text);
    this.state.dataset.late = String(late);
  }

  draw() {
    if (!this.readings.length || !this.root.offsetParent) return;
    const first = this.readings[0].at;
    const range = [first, Math.max(this.latest, first + 30)].map((at) => new Date(at * 1000));
    const theme = themeOf(this.root);
    this.table.replaceChildren();
    for (const panel of this.panels) this.table.append(...panel.draw(this.readings, this.marks, range, theme));
  }

  #figures() {
    const head = element("thead");
    const columns = ["chart", "figure", "now", "least", "most"].map((name) =>
      element("th", { scope: "col" }, name));
    head.append(row(columns));
    const table = element("table");
    table.append(head, this.table);
    const details = element("details");
    details.append(element("summary", {}, "The same figures as a table"), table);
    return details;
  }
}

/** One figure: caption, current values in words, plot. */
class Panel {
  static made = 0;

  constructor(grid, chart) {
    this.chart = chart;
    const id = `charts-${(Panel.made += 1)}`;
    const caption = element("figcaption", { id }, chart.title + (chart.unit ? `, ${chart.unit}` : ""));
    this.now = element("p", { className: "charts-now", id: `${id}-now` });
    this.plot = element("div", { className: "charts-plot", role: "img" });
    this.plot.setAttribute("aria-labelledby", id);
    this.plot.setAttribute("aria-describedby", `${id}-now`);
    const figure = element("figure", { className: chart.wide ? "charts-wide" : "" });
    figure.append(caption, this.now, this.plot);
    grid.append(figure);
  }

  /** Draw, and return the rows of the table that say the same. */
  draw(readings, marks, range, theme) {
    const at = readings.map((reading) => new Date(reading.at * 1000));
    const [traces, rows, words] = this.chart.lanes
      ? this.#lanes(readings, at, theme)
      : this.#lines(readings, at, theme);
    this.now.textContent = words;
    Plotly.react(this.plot, traces, layout(range, marks, theme, this.chart, this.lanes, this.plot.clientWidth), {
      displayModeBar: false, responsive: true,
    });
    return rows;
  }

  #lines(readings, at, theme) {
    const rows = [];
    const words = [];
    const traces = this.chart.series.map(([name, pick], index) => {
      const y = readings.map((reading) => pick(reading) ?? null);
      const known = y.filter((value) => value !== null);
      const now = shown(y[y.length - 1]);
      words.push(`${name} ${now}`);
      rows.push(row([
        element("th", { scope: "row" }, this.chart.title), element("th", { scope: "row" }, name),
        ...[now, shown(least(known)), shown(most(known))].map((text) => element("td", {}, text)),
      ]));
      return {
        x: at, y, name, mode: "lines",
        line: { color: theme.series[index % 5], dash: DASHES[index % 5], width: 2, shape: "linear" },
        hovertemplate: `%{y:.4~g} ${this.chart.unit}<extra>${name}</extra>`,
      };
    });
    return [traces, rows, words.join(" · ")];
  }

  #lanes(readings, at, theme) {
    const states = readings.map((reading) => this.chart.lanes(reading));
    const names = [...new Set(states.flatMap((one) => Object.keys(one)))];
    this.lanes = names.length;
    this.plot.style.height = `${80 + 24 * this.lanes}px`;
    const traces = LANES.map(({ name, colour, width }) => ({
      x: [], y: [], text: [], name, mode: "lines", connectgaps: false,
      line: { color: theme.series[colour - 1], width }, hovertemplate: "%{y}: %{text}<extra></extra>",
    }));
    for (const lane of names) {
      const over = states.map((one) => one[lane] ?? "CLOSED"); // a circuit that never opened has no state
      let from = 0;
      for (let index = 1; index <= over.length; index += 1) {
        if (index < over.length && over[index] === over[from]) continue;
        const trace = traces[REACHED.get(over[from]) ?? 3];
        trace.x.push(at[from], at[Math.min(index, at.length - 1)], null);
        trace.y.push(label(lane), label(lane), null);
        trace.text.push(over[from], over[from], "");
        from = index;
      }
    }
    const last = states[states.length - 1];
    const unwell = Object.entries(last).filter(([, state]) => REACHED.get(state) !== 0);
    const rows = Object.entries(last).map(([lane, state]) => row([
      element("th", { scope: "row" }, this.chart.title), element("th", { scope: "row" }, lane),
      element("td", {}, state), element("td"), element("td"),
    ]));
    const words = unwell.map(([lane, state]) => `${lane} ${state}`).join(" · ");
    return [traces, rows, visible(words) || "all alarms OK, all circuits closed"];
  }
}

const NINES = [[0, "0"], [-Math.log10(0.5), "50"], [1, "90"], [2, "99"], [3, "99.9"], [4, "99.99"]];

/** Draw percentiles (lab/report/run.py) into `plot`: every nine of the percentage has the same width. */
export function curves(plot, rows) {
  const theme = themeOf(plot);
  plot.className = "charts-plot";
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", "Milliseconds by percentile; the figures are in the table below");
  const traces = rows.map(({ name, curve }, index) => ({
    x: curve.map(([nines]) => nines), y: curve.map(([, milliseconds]) => milliseconds), name: visible(name),
    mode: "lines", line: { color: theme.series[index % 5], dash: DASHES[index % 5], width: 2 },
    hovertemplate: `%{y:,} ms<extra>${label(name)}</extra>`,
  }));
  const drawn = layout(null, [], theme, { series: traces }, 0);
  const [values, texts] = [0, 1].map((part) => NINES.map((one) => one[part]));
  Plotly.react(plot, traces, {
    ...drawn, xaxis: { ...drawn.yaxis, tickformat: "", tickmode: "array", tickvals: values, ticktext: texts },
  }, { displayModeBar: false, responsive: true });
}

/** Ask `url` for readings every `every` milliseconds, for as long as the page is there.
 *
 * The answer is that of Monitor.as_json (lab/pipeline/signals.py); `?since=` names the latest reading that is known.
 * `answered` is called with each answer, for what else a page shows of it. */
export async function follow(charts, url, every = 2000, answered = () => {}) {
  await plotly();
  for (;;) {
    try {
      const answer = await fetch(`${url}?since=${charts.latest}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
      const told = await answer.json();
      const { readings, marks, missed, now } = told;
      charts.add(readings, marks);
      answered(told);
      const age = charts.latest ? now - charts.latest : 0;
      const late = age > 10;
      const since = charts.latest ? `last reading ${Math.round(age)} s ago` : "waiting for the first reading";
      charts.tell(since + (missed ? `, ${missed} not answered` : "") + (late ? ": the engine answers late" : ""), late);
    } catch (error) {
      charts.tell(`no figures: ${error.message}`, true);
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}

/** Load plotly.js from beside this file, once. */
export function plotly() {
  plotly.loading ??= new Promise((resolve, reject) => {
    const script = element("script", { src: new URL("plotly.min.js", import.meta.url).href });
    script.onload = resolve;
    script.onerror = () => reject(new Error("plotly.min.js cannot be loaded"));
    document.head.append(script);
  });
  return plotly.loading;
}

/** What was in force while readings were taken (`faults`, by name), as marks with an end: {at, until, name}. */
function bandsOf(readings) {
  const bands = [];
  const open = new Map();
  for (const { at, faults = [] } of readings) {
    for (const name of faults) {
      if (!open.has(name)) bands.push(open.set(name, { at, until: at, name }).get(name));
      open.get(name).until = at;
    }
    for (const name of [...open.keys()].filter((known) => !faults.includes(known))) open.delete(name);
  }
  return bands;
}

function themeOf(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(`--charts-${name}`).trim();
  return {
    ground: value("ground"), ink: value("ink"), soft: value("soft"), line: value("line"),
    series: [1, 2, 3, 4, 5].map(value),
  };
}

/** What marks are called, and where that stands: beneath each other where there is no room beside each other.
 *
 * `width` is that of the chart in pixels. What a title near by says already is not said again, and none leaves the
 * chart; where its rows are full, a mark has no title. */
function titles(marks, range, width) {
  const placed = [];
  for (const { at, name } of [...marks].sort((one, other) => one.at - other.at)) {
    const part = (at * 1000 - range[0]) / (range[1] - range[0]);
    const wide = (name.length * TITLE_LETTER) / width;
    const left = part < 0.5;
    const from = left ? part : part - wide;
    const meets = placed.filter((other) => other.from < from + wide && from < other.to);
    const row = [...Array(TITLE_ROWS).keys()].find((free) => meets.every((other) => other.row !== free));
    if (row === undefined || meets.some((other) => other.name === name)) continue;
    placed.push({ at, name, left, row, from, to: from + wide });
  }
  return placed;
}

function layout(range, marks, theme, chart, lanes, width = 0) {
  const axis = { gridcolor: theme.line, linecolor: theme.line, zerolinecolor: theme.line, fixedrange: true };
  return {
    paper_bgcolor: theme.ground, plot_bgcolor: theme.ground,
    font: { color: theme.ink, size: 12, family: "system-ui, sans-serif" },
    margin: { l: 10, r: 10, t: 8, b: 30 },
    xaxis: { ...axis, type: "date", range, tickformat: "%H:%M:%S", nticks: 6, automargin: true },
    yaxis: chart.lanes
      ? { ...axis, type: "category", automargin: true, dtick: 1, range: [-0.7, lanes - 0.3] }
      : { ...axis, automargin: true, tickformat: ",~g", ...(chart.log ? { type: "log", nticks: 6 } : { rangemode: "tozero" }) },
    showlegend: Boolean(chart.lanes) || chart.series.length > 1,
    legend: { orientation: "h", y: -0.2, yanchor: "top", font: { size: 12 } },
    hovermode: chart.lanes ? "closest" : "x unified",
    hoverlabel: { bgcolor: theme.ground, font: { color: theme.ink } },
    shapes: [
      ...marks.map(({ at }) => ({
        type: "line", x0: new Date(at * 1000), x1: new Date(at * 1000), yref: "paper", y0: 0, y1: 1,
        line: { color: theme.soft, width: 1, dash: "dot" },
      })),
      ...marks.filter(({ until }) => until).map(({ at, until }) => ({
        type: "rect", x0: new Date(at * 1000), x1: new Date(until * 1000), yref: "paper", y0: 0, y1: 1,
        line: { width: 0 }, fillcolor: theme.series[3], opacity: 0.22, layer: "below",
      })),
    ],
    annotations: titles(marks, range, width).map(({ at, name, left, row }) => ({
      x: new Date(at * 1000), yref: "paper", y: 1, yanchor: "top", yshift: -TITLE_HEIGHT * row, xanchor: left ? "left" : "right",
      text: label(name), showarrow: false, font: { size: 11, color: theme.soft },
    })),
  };
}

function shown(value) {
  if (value === null || value === undefined) return "none";
  return Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}

const least = (values) => (values.length ? Math.min(...values) : null);
const most = (values) => (values.length ? Math.max(...values) : null);

function row(cells) {
  const tr = element("tr");
  tr.append(...cells);
  return tr;
}

function element(name, properties = {}, text = "") {
  const made = Object.assign(document.createElement(name), properties);
  if (text) made.textContent = visible(text);
  return made;
}
