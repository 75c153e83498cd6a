// What the last run, or orders sent for this, would cost on AWS.

import { act, doing, element, live } from "/static/console.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const TOTALS = /^(for |whatever|together)/;

function draw(bill) {
  byId("bill").hidden = false;
  byId("bill-title").textContent = shown(`${bill.run}: ${bill.orders} orders in ${Math.round(bill.seconds)} s`);
  for (const name of ["measured", "monthly"]) table(byId(name), bill[name]);
  byId("notes").replaceChildren(...bill.notes.map((note) => element("li", {}, note)));
}

function table(root, [heads, ...rows]) {
  const cell = (text, at) => (at === 0 ? element("th", { scope: "row" }, text) : element("td", { className: "number" }, text));
  root.replaceChildren(
    element("thead", {}, element("tr", {}, ...heads.map((head, at) => element("th", { scope: "col", className: at ? "number" : "" }, head)))),
    element("tbody", {}, ...rows.map((one) => element("tr", { className: TOTALS.test(one[0]) ? "total" : "" }, ...one.map(cell)))));
}

byId("last").addEventListener("submit", async (event) => {
  event.preventDefault();
  const bill = await doing(event.currentTarget, () => act("/api/cost/last", { month: byId("last").elements.month.valueAsNumber }));
  if (!bill) return;
  draw(bill);
  byId("bill-title").focus();
});
byId("run").addEventListener("submit", (event) => {
  event.preventDefault();
  const { orders, month } = byId("run").elements;
  doing(event.currentTarget, () => act("/api/cost/run", { orders: orders.valueAsNumber, month: month.valueAsNumber }));
});
byId("synth").addEventListener("submit", (event) => {
  event.preventDefault();
  doing(event.currentTarget, () => act("/api/cost/synth"));
});
let priced = 0;
live.on("job", (job) => {
  if (job.kind === "synth" && job.details.templates) {
    byId("templates").hidden = false;
    table(byId("resources"), [["stack", "type", "resources"], ...Object.entries(job.details.templates).flatMap(
      ([stack, types]) => Object.entries(types).map(([type, count]) => [stack, type, String(count)]))]);
  }
  if (job.kind !== "cost" || !job.details.bill || priced === job.number) return;
  priced = job.number;
  draw(job.details.bill);
});
