// What a load run adds to the pipeline's charts: Locust's own figures on the same clock, and how the run ended.

import { curves } from "./charts.js";
import { shown } from "./text.js";

export const LOAD = [
  { title: "Load", unit: "users", series: [["users", (v) => v.load.users]] },
  {
    title: "Requests", unit: "per second",
    series: [
      ["answered", (v) => v.load.requests],
      ["throttled (429)", (v) => v.load.throttled],
      ["failed", (v) => v.load.failures],
    ],
  },
  {
    title: "Response time, all requests", unit: "ms",
    series: [["p50", (v) => v.load.p50], ["p99", (v) => v.load.p99]],
  },
  { title: "Until the queue is empty, at this pace", unit: "s", series: [["forecast", (v) => v.drain_seconds]] },
];

/** Shows the verdict of the last run, once there is one; nothing is redrawn while it stays the same. */
export class Verdict {
  constructor(root) {
    this.root = root;
    root.setAttribute("role", "status");
    this.shown = "";
  }

  show({ result, refusal }) {
    const told = JSON.stringify([result, refusal]);
    if (told === this.shown) return;
    this.shown = told;
    this.root.replaceChildren();
    if (refusal) this.root.append(text("h2", "Not started"), text("p", refusal));
    if (!result) return;
    const broken = result.findings.filter((one) => one.verdict !== "proved").map((one) => one.name);
    const details = text("details", "");
    details.append(
      text("summary", "Thresholds and figures"),
      table(["threshold", "limit", "seen", "verdict"], result.findings.map((one) =>
        [one.name, one.expected, one.seen, one.verdict === "proved" ? "kept" : "BROKEN"])),
      table(["milliseconds", ...Object.keys(result.percentiles[0]?.within ?? {}).map((one) => `p${one}`), "longest"],
        result.percentiles.map((row) => [row.name, ...Object.values(row.within), row.longest])),
      table(["figure", "of the run"], result.figures),
    );
    const plot = document.createElement("div");
    this.root.append(
      text("h2", `Run "${result.shape}": ${result.passed ? "every threshold kept" : `BROKEN: ${broken.join(", ")}`}`),
      text("p", result.ledger),
      text("h3", "Milliseconds by percentile"),
      plot,
      details,
    );
    curves(plot, result.percentiles);
  }
}

function table(head, rows) {
  const made = document.createElement("table");
  const line = (cells, tag) => {
    const tr = document.createElement("tr");
    tr.append(...cells.map((cell, index) => text(index ? tag : "th", cell)));
    return tr;
  };
  const thead = document.createElement("thead");
  const tbody = document.createElement("tbody");
  thead.append(line(head, "th"));
  tbody.append(...rows.map((cells) => line(cells, "td")));
  made.append(thead, tbody);
  return made;
}

function text(tag, content) {
  const made = document.createElement(tag);
  made.textContent = shown(content);
  return made;
}
