// The pipeline as a picture: nodes with live figures, edges that move as fast as the orders do, charts.

import { act, doing, element, figure, live, span, tell } from "/static/console.js";
import { Charts, PIPELINE, follow } from "/static/web/charts.js";

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

// from, to, the rate that flows (orders a second), and where the line leaves and arrives
const EDGES = [
  { from: "api", to: "ingest", rate: (v) => v.rates.accepted },
  { from: "ingest", to: "queue", rate: (v) => v.rates.accepted },
  { from: "queue", to: "worker", rate: (v) => v.rates.processed + v.rates.failed + v.rates.duplicates },
  { from: "worker", to: "table", rate: (v) => v.rates.processed },
  { from: "worker", to: "bus", rate: (v) => v.rates.processed },
  { from: "bus", to: "topic", rate: (v) => v.rates.processed },
  { from: "worker", to: "dlq", rate: (v) => v.rates.dead_lettered, kind: "bad" },
  { from: "dlq", to: "redrive", rate: () => redriving, kind: "back" },
  { from: "redrive", to: "queue", rate: () => redriving, kind: "back" },
];
let redriving = 0;

function figures(now) {
  const v = now.vitals;
  const dead = v.dlq.visible + v.dlq.in_flight + v.dlq.delayed;
  return {
    accepted: v.rates.accepted, client_errors: v.rates.client_errors, server_errors: v.rates.server_errors,
    ingest_throttled: v.rates.ingest_throttled,
    waiting: v.queue.visible, in_flight: v.queue.in_flight, delayed: v.queue.delayed, oldest: v.oldest_seconds,
    processed: v.rates.processed, failed: v.rates.failed, worker_throttled: v.rates.worker_throttled,
    mapping: now.mappingEnabled ? "enabled" : "disabled",
    p50: v.latency?.p50, p95: v.latency?.p95, duplicates: v.rates.duplicates,
    bus_circuit: (v.circuits["event-bus"] ?? "CLOSED").toLowerCase().replace("_", "-"),
    redrive: redriving ? "moving" : "idle",
    dead, dead_lettered: v.rates.dead_lettered,
  };
}

const WRONG = {
  client_errors: (x) => x > 0, server_errors: (x) => x > 0, ingest_throttled: (x) => x > 0, failed: (x) => x > 0,
  worker_throttled: (x) => x > 0, mapping: (x) => x === "disabled", dead: (x) => x > 0, dead_lettered: (x) => x > 0,
  bus_circuit: (x) => x !== "closed",
};

live.on("job", (job) => {
  redriving = job.kind === "redrive" && !job.ended ? 1 : 0;
});

live.on("pipeline", (now) => {
  if (now.state !== "ready") return;
  for (const [name, value] of Object.entries(figures(now))) {
    const shown = document.querySelector(`[data-figure="${name}"]`);
    const text = figure(value);
    if (shown.textContent !== text) shown.textContent = text;
    shown.dataset.wrong = String(Boolean(WRONG[name]?.(value)));
  }
  flow(now.vitals);
  list(byId("in-force"), now.inForce, (one) =>
    `${one.told}${one.expiresAt ? `, for another ${span(one.expiresAt - Date.now() / 1000)}` : ""}`,
  now.failureMode === "none" ? "nothing: no failure mode, no fault" : `failure mode ${now.failureMode}, set elsewhere`);
  const ringing = Object.entries(now.vitals.alarms).filter(([, state]) => state === "ALARM");
  list(byId("ringing"), ringing, ([name]) => `${name} rings`, "all silent", "bad");
  const unwell = Object.entries(now.vitals.circuits).filter(([, state]) => state !== "CLOSED");
  list(byId("circuits"), unwell, ([name, state]) => `${name} ${state.toLowerCase().replace("_", "-")}`, "all closed", "bad");
  byId("close-circuits").disabled = unwell.length === 0;
});

function list(root, items, text, none, className = "") {
  const lines = items.length ? items.map(text) : [none];
  const before = [...root.children].map((child) => child.textContent);
  if (before.join("\n") === lines.join("\n")) return;
  root.replaceChildren(...lines.map((line) => element("li", { className: items.length ? className : "soft" }, line)));
}

// Edges are drawn between the nodes as the layout has placed them, so one picture serves wide and narrow windows.
function draw() {
  const svg = byId("edges");
  const origin = byId("picture").getBoundingClientRect();
  svg.setAttribute("viewBox", `0 0 ${origin.width} ${origin.height}`);
  svg.replaceChildren(marker("arrow"), marker("arrow-bad"), marker("arrow-back"));
  for (const edge of EDGES) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", way(box(edge.from, origin), box(edge.to, origin)));
    path.setAttribute("class", `edge ${edge.kind ?? ""}`);
    path.setAttribute("marker-end", `url(#${edge.kind ? `arrow-${edge.kind}` : "arrow"})`);
    edge.path = path;
    svg.append(path);
  }
  if (live.latest.pipeline?.vitals) flow(live.latest.pipeline.vitals);
}

function box(id, origin) {
  const { left, top, width, height } = byId(`node-${id}`).getBoundingClientRect();
  return { x: left - origin.left, y: top - origin.top, width, height };
}

/** From the middle of one side to the middle of another: whichever sides face each other. */
function way(from, to) {
  const gapX = Math.max(to.x - (from.x + from.width), from.x - (to.x + to.width));
  const gapY = Math.max(to.y - (from.y + from.height), from.y - (to.y + to.height));
  const head = 7;
  if (gapX >= gapY) {
    const right = to.x > from.x;
    const x1 = right ? from.x + from.width : from.x;
    const x2 = right ? to.x - head : to.x + to.width + head;
    const low = Math.max(from.y, to.y);
    const high = Math.min(from.y + from.height, to.y + to.height);
    const y1 = high > low ? (low + high) / 2 : from.y + from.height / 2;
    const y2 = high > low ? y1 : to.y + to.height / 2;
    return `M${x1} ${y1} C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`;
  }
  const down = to.y > from.y;
  const y1 = down ? from.y + from.height : from.y;
  const y2 = down ? to.y - head : to.y + to.height + head;
  const low = Math.max(from.x, to.x);
  const high = Math.min(from.x + from.width, to.x + to.width);
  const x1 = high > low ? (low + high) / 2 : from.x + from.width / 2;
  const x2 = high > low ? x1 : to.x + to.width / 2;
  return `M${x1} ${y1} C${x1} ${(y1 + y2) / 2} ${x2} ${(y1 + y2) / 2} ${x2} ${y2}`;
}

function marker(id) {
  const made = document.createElementNS(SVG, "marker");
  const settings = { id, viewBox: "0 0 8 8", refX: 1, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" };
  for (const [name, value] of Object.entries(settings)) made.setAttribute(name, value);
  const head = document.createElementNS(SVG, "path");
  head.setAttribute("d", "M0 0L8 4L0 8Z");
  head.setAttribute("class", id);
  made.append(head);
  return made;
}

function flow(vitals) {
  for (const { path, rate } of EDGES) {
    const perSecond = rate(vitals);
    path?.classList.toggle("flows", perSecond > 0);
    // twice the orders, a bit faster: between 0.4 and 3 s for one dash to pass
    path?.style.setProperty("--pace", `${Math.min(3, Math.max(0.4, 2 / Math.log2(2 + perSecond))).toFixed(2)}s`);
  }
}

new ResizeObserver(draw).observe(byId("picture"));

byId("send").addEventListener("submit", (event) => {
  event.preventDefault();
  doing(event.currentTarget, async () => {
    const { accepted } = await act("/api/orders", { count: byId("count").valueAsNumber });
    tell(`${accepted.length} orders accepted`);
  });
});
byId("close-circuits").addEventListener("click", (event) => doing(event.currentTarget, async () => {
  const { noticedWithin } = await act("/api/circuits/close");
  tell(`Circuits closed; workers notice within ${noticedWithin} s`);
}));

follow(new Charts(byId("charts"), { charts: PIPELINE }), "/api/readings");
