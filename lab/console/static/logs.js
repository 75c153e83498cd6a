// Logs: saved Insights queries and plain lines.

import { act, ask, clock, doing, element, empty, live, row, tell, traceOf } from "/static/console.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const query = byId("query");
const plain = byId("plain");
const LEVELS = { ERROR: "bad", CRITICAL: "bad" };
let saved = [];

async function read() {
  const found = await ask("/api/logs/queries");
  saved = found.queries;
  query.elements.name.replaceChildren(...saved.map((one) => element("option", { value: one.name }, one.name.replaceAll("-", " "))));
  for (const name of found.functions) plain.elements.function.append(element("option", {}, name));
  chosen();
}

function chosen() {
  query.elements.text.value = saved.find((one) => one.name === query.elements.name.value)?.text ?? "";
}

async function run() {
  const form = query.elements;
  const found = await act("/api/logs/ask", { name: form.name.value, text: form.text.value, seconds: Number(form.seconds.value) });
  byId("answer").hidden = false;
  const rows = found.rows.length === 1 ? "1 row" : `${found.rows.length} rows`;
  byId("answer-title").textContent = shown(found.status === "Complete" ? rows : `${rows}, ${found.status}`);
  byId("answer-head").replaceChildren(element("tr", {}, ...found.columns.map((name) => element("th", { scope: "col" }, name))));
  byId("answer-rows").replaceChildren(...found.rows.map((one) => row(found.columns.map((name) =>
    (name === "orderId" && one[name] ? element("td", {}, wayOf(one[name])) : one[name] ?? "")))));
  if (!found.rows.length) byId("answer-rows").append(row([{ text: "no line matches in this time", className: "soft" }]));
  byId("answer-title").focus();
}

const wayOf = (order) => element("a", { href: traceOf(order), title: "Its whole way" }, order);

async function show() {
  const form = plain.elements;
  const found = await act("/api/logs/lines", { function: form.function.value, contains: form.holds.value, seconds: Number(form.seconds.value) });
  byId("lines").hidden = false;
  const more = found.lines.length < found.matching ? `, the latest ${found.lines.length}` : "";
  byId("lines-title").textContent = `${found.matching} lines${more}`;
  byId("lines-rows").replaceChildren(...found.lines.map((one) => row([
    clock(one.at / 1000), one.function,
    element("td", { className: LEVELS[one.level] ?? "" }, one.event || element("span", { className: "soft" }, "from the runtime")),
    element("td", {}, one.order ? wayOf(one.order) : ""),
    element("td", {}, element("details", {}, element("summary", {}, one.what.slice(0, 120) || "whole line"), element("code", {}, one.text))),
  ])));
  if (!found.lines.length) empty(byId("lines-rows"), "no line matches in this time");
  byId("lines-title").focus();
}

query.elements.name.addEventListener("change", chosen);
query.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(query, run);
});
plain.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(plain, show);
});
let first = true;
live.on("pipeline", (now) => {
  if (now.state !== "ready" || !first) return;
  first = false;
  read().catch((error) => tell(error.message, true));
});
