// The pipeline as a picture: nodes with live figures, edges that move as fast as the orders do, charts.

import { act, ask, doing, element, figure, live, span, tell } from "/static/console.js";
import { Charts, PIPELINE, follow } from "/static/web/charts.js";

const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

// From, to, the rate that flows (orders a second), and from which side to which side the line goes, with how far along
// the side it leaves and arrives: in a wide window, and in a narrow one.
const EDGES = [
  { from: "api", to: "ingest", rate: (v) => v.rates.accepted, wide: ["right", "left"], narrow: ["right", "left"] },
  { from: "ingest", to: "queue", rate: (v) => v.rates.accepted, wide: ["right", "left"], narrow: ["bottom", "top"] },
  {
    from: "queue", to: "worker", rate: (v) => v.rates.processed + v.rates.failed + v.rates.duplicates,
    wide: ["right", "left"], narrow: ["bottom", "top"],
  },
  { from: "worker", to: "table", rate: (v) => v.rates.processed, wide: ["right", "left"], narrow: ["bottom", "top"] },
  { from: "worker", to: "bus", rate: (v) => v.rates.processed, wide: ["right 0.85", "left"], narrow: ["bottom 0.2", "top 0.8"] },
  { from: "queue", to: "dlq", rate: () => 0, kind: "bad", wide: ["bottom 0.75", "top 0.2"], narrow: ["bottom 0.15", "top 0.85"] },
  { from: "worker", to: "dlq", rate: (v) => v.rates.dead_lettered, kind: "bad", wide: ["bottom", "top"], narrow: ["left", "right"] },
  { from: "dlq", to: "redrive", rate: () => redriving, kind: "back", wide: ["left", "right"], narrow: ["top", "bottom"] },
  { from: "redrive", to: "queue", rate: () => redriving, kind: "back", wide: ["top", "bottom 0.25"], narrow: ["right", "left"] },
];
const NARROW = matchMedia("(max-width: 60rem)");
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
  list(byId("ringing"), ringing, ([name]) => `${name} rings`, "all silent", "bad", ([name]) => `/runbooks/${name}`);
  const unwell = Object.entries(now.vitals.circuits).filter(([, state]) => state !== "CLOSED");
  list(byId("circuits"), unwell, ([name, state]) => `${name} ${state.toLowerCase().replace("_", "-")}`, "all closed", "bad");
  byId("close-circuits").disabled = unwell.length === 0;
});

function list(root, items, text, none, className = "", way = null) {
  const lines = items.length ? items.map(text) : [none];
  const before = [...root.children].map((child) => child.textContent);
  if (before.join("\n") === lines.join("\n")) return;
  root.replaceChildren(...lines.map((line, at) => element("li", { className: items.length ? className : "soft" },
    way && items.length ? element("a", { href: way(items[at]), title: "Its runbook" }, line) : line)));
}

// Edges are drawn between the nodes as the layout has placed them, so one picture serves wide and narrow windows.
function draw() {
  const svg = byId("edges");
  const origin = byId("picture").getBoundingClientRect();
  svg.setAttribute("viewBox", `0 0 ${origin.width} ${origin.height}`);
  svg.replaceChildren(marker("arrow"), marker("arrow-bad"), marker("arrow-back"));
  for (const edge of EDGES) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", way(box(edge.from, origin), box(edge.to, origin), NARROW.matches ? edge.narrow : edge.wide));
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

const OUTWARD = { left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1] };

/** A curve between two boxes. A side is "left", or "left 0.85" for a point that far along it. */
function way(from, to, [leaves, arrives]) {
  const head = 7;
  const start = point(from, leaves, 0);
  const end = point(to, arrives, head);
  const bend = Math.max(12, (Math.abs(end.x - start.x) + Math.abs(end.y - start.y)) / 2.5);
  const [a, b] = [start, end].map(({ x, y, out }) => `${x + out[0] * bend} ${y + out[1] * bend}`);
  return `M${start.x} ${start.y} C${a} ${b} ${end.x} ${end.y}`;
}

function point(box, side, distance) {
  const [name, along = "0.5"] = side.split(" ");
  const out = OUTWARD[name];
  const x = out[0] ? box.x + (out[0] > 0 ? box.width : 0) : box.x + box.width * along;
  const y = out[1] ? box.y + (out[1] > 0 ? box.height : 0) : box.y + box.height * along;
  return { x: x + out[0] * distance, y: y + out[1] * distance, out };
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
    account();
  });
});

// Where the orders are that this console has sent, until none is on its way any more.
let asking;
async function account(tries = 30) {
  clearTimeout(asking);
  const { text, contract, sound, underWay } = await ask("/api/ledger");
  byId("ledger").textContent = `${text}; ${contract}`;
  byId("ledger").classList.toggle("bad", !sound && !underWay);
  if (underWay && tries > 0) asking = setTimeout(() => account(tries - 1), 2000);
}
byId("close-circuits").addEventListener("click", (event) => doing(event.currentTarget, async () => {
  const { noticedWithin } = await act("/api/circuits/close");
  tell(`Circuits closed; workers notice within ${noticedWithin} s`);
}));

ask("/api/course").then(({ modules }) => {
  byId("new-here").hidden = modules.some((one) => one.begun !== null);
}).catch((error) => tell(error.message, true));

follow(new Charts(byId("charts"), { charts: PIPELINE }), "/api/readings");
