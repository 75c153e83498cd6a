// The deployed CloudWatch dashboard, drawn from its own JSON (the server has read it and asked for its figures).

import { ask, clock, element, figure, live, row } from "/static/console.js";
import { plotly } from "/static/web/charts.js";
import { label, shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const EVERY = 10_000;
const DASHES = ["solid", "dot", "dash", "dashdot", "longdash"];
const ROW_HEIGHT = 46;
const SHORT = { exponentformat: "SI", minexponent: 3 }; // 1k, but 0.5 and not 500m
let drawn = []; // [widget, plot] of what plotly has drawn, for another theme or width

async function read() {
  const view = byId("view").elements;
  const found = await ask(`/api/dashboard?seconds=${view.seconds.value}&period=${view.period.value}`);
  draw(found);
  byId("read").textContent = `${found.name}, ${clock(found.start)} to ${clock(found.end)}`;
}

function draw({ widgets, start, end }) {
  const root = byId("widgets");
  const shape = JSON.stringify(widgets.map(({ type, title, place, view }) => [type, title, place, view]));
  if (root.dataset.shape !== shape) {
    for (const [, plot] of drawn) Plotly.purge(plot);
    root.dataset.shape = shape;
    root.replaceChildren(...widgets.map(frame));
  }
  drawn = [];
  widgets.forEach((widget, index) => fill(widget, root.children[index], [start, end]));
}

function frame(widget, index) {
  const { x, y, width, height } = widget.place;
  const made = element("section", { className: "card widget", attributes: { "aria-labelledby": `widget-${index}` } },
    element("h2", { id: `widget-${index}` }, widget.title || "Text"), element("div", { className: "widget-body" }));
  made.style.setProperty("--x", x + 1);
  made.style.setProperty("--y", y + 1);
  made.style.setProperty("--width", width);
  made.style.setProperty("--height", height);
  made.dataset.type = widget.type;
  if (widget.type === "text" && !widget.title) made.querySelector("h2").classList.add("hidden");
  return made;
}

const FILLS = { graph, alarms, log, text, unknown };
function fill(widget, section, range) {
  FILLS[widget.type](widget, section.querySelector(".widget-body"), range, section);
}

function text(widget, body) {
  body.classList.add("prose");
  body.innerHTML = widget.html; // made by the server's Markdown renderer, which lets no HTML through
}

function unknown(widget, body) {
  body.replaceChildren(element("p", { className: "soft" }, `Not shown here: ${widget.why}`));
}

function alarms(widget, body, _range, section) {
  body.tabIndex = 0; // it scrolls where there are more alarms than room
  body.setAttribute("role", "group");
  body.setAttribute("aria-labelledby", section.querySelector("h2").id);
  body.replaceChildren(element("ul", { className: "chips" }, ...widget.alarms.map(({ name, state }) =>
    element("li", { className: "chip", dataset: { state } }, element("span", { className: "lamp", dataset: { state: state === "ALARM" ? "bad" : state === "OK" ? "good" : "soft" } }),
      `${name} `, element("span", { className: "soft" }, state.replace("_", " ").toLowerCase())))));
}

function log(widget, body) {
  if (widget.view !== "table" && widget.columns.length > 1) return graph(logSeries(widget), body, undefined, body.parentElement);
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...widget.columns.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...widget.rows.map((one) => row(widget.columns.map((name) => one[name] ?? "")))));
  body.replaceChildren(element("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": widget.title } },
    widget.rows.length ? table : element("p", { className: "soft" }, "no line matches")));
  return undefined;
}

/** A log query by time or by kind, as a graph: its first column is where, the others are values. */
function logSeries({ columns, rows, title, view }) {
  const [first, ...values] = columns;
  const times = rows.map((one) => Date.parse(`${one[first].replace(" ", "T")}Z`) / 1000);
  const timed = times.every(Number.isFinite);
  const series = timed
    ? values.map((name) => ({ label: name, axis: "left", times, values: rows.map((one) => Number(one[name])) }))
    : rows.map((one) => ({ label: one[first], axis: "left", times: [0], values: [Number(one[values[0]])] }));
  return { title, view: timed ? "timeSeries" : view, series, levels: [], moments: [], scales: { left: {}, right: {} }, stacked: false, periods: [] };
}

function graph(widget, body, range, section) {
  const now = widget.series.map((one) => `${one.label} ${figure(one.values.at(-1))}`).join(" · ");
  if (widget.view === "singleValue") {
    body.replaceChildren(element("dl", { className: "figures" }, ...widget.series.map((one) =>
      element("div", {}, element("dt", {}, one.label), element("dd", {}, figure(one.values.at(-1)))))));
    return;
  }
  if (widget.view === "table") {
    body.replaceChildren(element("table", {}, element("thead", {}, row(["series", "now", "least", "most"].map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...widget.series.map(({ label: name, values }) => row([name, ...[values.at(-1), Math.min(...values), Math.max(...values)].map((value) => figure(Number.isFinite(value) ? value : null))])))));
    return;
  }
  let plot = body.querySelector(".plot");
  if (!plot) {
    plot = element("div", { className: "plot", attributes: { role: "img" } });
    body.replaceChildren(plot, element("p", { className: "hidden" }), element("p", { className: "no-data soft" }, "no data in this time"));
  }
  const told = body.querySelector(".hidden");
  told.id ||= `${section.querySelector("h2").id}-now`;
  told.textContent = shown(now) || "no data";
  plot.setAttribute("aria-labelledby", section.querySelector("h2").id);
  plot.setAttribute("aria-describedby", told.id);
  body.querySelector(".no-data").hidden = widget.series.some(({ values }) => values.length);
  section.querySelector("h2").title = widget.periods.length ? `periods of ${widget.periods.join(", ")} s` : "";
  drawn.push([widget, plot, range]);
  plotted(widget, plot, range);
}

function plotted(widget, plot, range) {
  const style = getComputedStyle(plot);
  const colour = (name) => style.getPropertyValue(`--charts-${name}`).trim();
  const traces = TRACES[widget.view](widget, [1, 2, 3, 4, 5].map(colour));
  Plotly.react(plot, traces, layout(widget, range, colour), { displayModeBar: false, responsive: true });
}

const TRACES = { timeSeries: lines, bar: bars, pie: slices, gauge: gauges };

function lines(widget, palette) {
  return widget.series.map((one, index) => {
    const line = { color: one.color ?? palette[index % palette.length], width: 2, dash: DASHES[Math.floor(index / palette.length) % DASHES.length] };
    return {
      x: one.times.map((at) => new Date(at * 1000)), y: one.values, name: label(one.label), line,
      mode: one.values.length > 40 ? "lines" : "lines+markers", marker: { size: 5, symbol: index % 5 },
      yaxis: one.axis === "right" ? "y2" : "y", stackgroup: widget.stacked ? one.axis : undefined,
      hovertemplate: `%{y:.4~g}<extra>${label(one.label)}</extra>`,
    };
  });
}

const last = (one) => one.values.at(-1) ?? 0;

function bars(widget, palette) {
  return [{
    type: "bar", x: widget.series.map((one) => label(one.label)), y: widget.series.map(last), showlegend: false,
    marker: { color: widget.series.map((one, index) => one.color ?? palette[index % palette.length]) },
  }];
}

function slices(widget, palette) {
  return [{
    type: "pie", labels: widget.series.map((one) => label(one.label)), values: widget.series.map(last), sort: false,
    marker: { colors: widget.series.map((one, index) => one.color ?? palette[index % palette.length]) },
  }];
}

function gauges(widget, palette) {
  const { low, high } = widget.scales.left;
  return widget.series.map((one, index) => ({
    type: "indicator", mode: "gauge+number", value: last(one), title: { text: label(one.label) },
    gauge: { axis: { range: [low ?? 0, high ?? Math.max(1, last(one))] }, bar: { color: one.color ?? palette[index % palette.length] } },
    domain: { row: 0, column: index },
  }));
}

function layout(widget, range, colour) {
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), zerolinecolor: colour("line"), fixedrange: true, automargin: true };
  const scale = ({ low, high, label: title }) => ({
    ...axis, ...SHORT, rangemode: (low ?? 0) === 0 ? "tozero" : "normal",
    ...(title && { title: { text: label(title) } }),
    ...((high ?? null) !== null && { range: [low ?? 0, high] }),
  });
  const timed = widget.view === "timeSeries";
  const side = (one) => (one.axis === "right" ? "y2" : "y");
  return {
    paper_bgcolor: colour("ground"), plot_bgcolor: colour("ground"),
    font: { color: colour("ink"), size: 12, family: "system-ui, sans-serif" },
    margin: { l: 8, r: 8, t: 6, b: 8 }, showlegend: true,
    ...(widget.view === "gauge" && { grid: { rows: 1, columns: Math.max(1, widget.series.length) } }),
    legend: { orientation: "h", y: -0.18, yanchor: "top", font: { size: 12 } },
    hovermode: "x unified", hoverlabel: { bgcolor: colour("ground"), font: { color: colour("ink") } },
    xaxis: timed
      ? { ...axis, type: "date", tickformat: "%H:%M", nticks: 6, ...(range && { range: range.map((at) => new Date(at * 1000)) }) }
      : { ...axis, type: "category" },
    yaxis: scale(widget.scales.left),
    ...(widget.series.some((one) => one.axis === "right") && {
      yaxis2: { ...scale(widget.scales.right), overlaying: "y", side: "right", showgrid: false },
    }),
    shapes: [
      ...widget.levels.map((one) => ({
        type: one.upper === null ? "line" : "rect", xref: "paper", x0: 0, x1: 1, yref: side(one), y0: one.value, y1: one.upper ?? one.value,
        line: { color: one.color ?? colour(2), width: one.upper === null ? 1.5 : 0, dash: "dash" }, fillcolor: one.color ?? colour(2), opacity: one.upper === null ? 1 : 0.15,
      })),
      ...widget.moments.map((one) => ({
        type: one.until === null ? "line" : "rect", yref: "paper", y0: 0, y1: 1, x0: new Date(one.at * 1000), x1: new Date((one.until ?? one.at) * 1000),
        line: { color: one.color ?? colour("soft"), width: 1, dash: "dot" }, fillcolor: one.color ?? colour("soft"), opacity: one.until === null ? 1 : 0.15,
      })),
    ],
    annotations: widget.levels.filter((one) => one.label).map((one) => ({
      xref: "paper", x: 1, xanchor: "right", yref: side(one), y: one.value, yanchor: "bottom", text: label(one.label), showarrow: false, font: { size: 11, color: colour("soft") },
    })),
  };
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach((one) => plotted(...one)));

let reading = false;
async function refresh() {
  if (reading || document.hidden || live.latest.pipeline?.state !== "ready") return;
  reading = true;
  byId("widgets").setAttribute("aria-busy", "true");
  try {
    await plotly();
    await read();
  } catch (error) {
    byId("read").textContent = error.message;
  } finally {
    reading = false;
    byId("widgets").removeAttribute("aria-busy");
  }
}

byId("view").addEventListener("change", refresh);
byId("view").addEventListener("submit", (event) => event.preventDefault());
byId("widgets").style.setProperty("--row", `${ROW_HEIGHT}px`);
let first = true;
live.on("pipeline", (now) => {
  if (now.state === "ready" && first) {
    first = false;
    refresh();
  }
});
setInterval(refresh, EVERY);
