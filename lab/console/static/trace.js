// One order's whole way, hop by hop, and the way back into it from where that is safe.

import { act, ask, clock, doing, element, live, row, tell, traceOf } from "/static/console.js";
import { pretty } from "/static/pretty.js";
import { pairs, planned } from "/static/redrive.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const search = byId("search");
const address = new URLSearchParams(location.search);

async function trace() {
  const name = search.elements.name.value.trim();
  const seen = await act("/api/trace", { name, hours: search.elements.hours.valueAsNumber });
  history.replaceState(null, "", traceOf(name));
  byId("found").hidden = false;
  byId("found-title").textContent = shown(`Order ${seen.orderId}: ${seen.state}`);
  byId("facts").replaceChildren(...pairs({
    receives: seen.receives, deaths: seen.deaths, redrives: seen.redrives, "from first to last": `${seen.milliseconds} ms`,
    "correlation id": seen.correlationIds.join(", "),
  }));
  replay(seen);
  const first = seen.moments.find((moment) => moment.at !== null)?.at ?? 0;
  byId("way").replaceChildren(...seen.moments.map((moment) => hop(moment, first)));
  byId("found-title").focus();
}

function hop(moment, first) {
  const when = moment.at === null ? "nobody noted when" : `${clock(moment.at / 1000)}, +${moment.at - first} ms`;
  return element("li", { className: "hop", dataset: { where: moment.where } },
    element("h3", {}, moment.where, " ", element("span", { className: "soft" }, when), element("span", { className: "badge" }, `known from: ${moment.source}`)),
    element("p", {}, moment.what),
    moment.payload ? behind("Payload", moment.payload, moment.where) : null,
    moment.line ? behind("Log line", moment.line, moment.where) : null);
}

function behind(title, text, where) {
  return element("details", {}, element("summary", {}, title, element("span", { className: "hidden" }, ` of ${where}`)),
    element("pre", { tabIndex: 0 }, pretty(text)));
}

/** What can be done with the order from where it is. */
function replay(seen) {
  const [letter] = seen.letters;
  if (!letter) {
    const why = seen.done
      ? "Its effect stands. A copy that is sent again is absorbed as a duplicate, so there is nothing to replay."
      : "It is not in the DLQ: SQS hands it on by itself as long as it is in the queue.";
    byId("replay").replaceChildren(element("p", { className: "soft" }, why));
    return;
  }
  const plan = { correlationId: seen.correlationIds[0], bodyContains: seen.orderId, minAgeSeconds: 0, force: true, maxMessages: 10 };
  byId("replay").replaceChildren(
    element("p", {}, "It is in the DLQ, from where it can go on: as it is, once its cause is mended, or with another body."),
    element("p", { className: "buttons" },
      element("button", { type: "button", className: "primary", onclick: (event) => planned(event.currentTarget, plan) }, "Redrive it …"),
      element("a", { className: "button", href: `/dlq?letter=${encodeURIComponent(letter.messageId)}` }, "Repair and send it")));
}

async function lately() {
  const { orders } = await ask("/api/trace/lately");
  byId("lately").replaceChildren(...orders.map((order) => row([
    element("td", {}, element("button", { type: "button", className: "link", onclick: () => { search.elements.name.value = order.order; search.requestSubmit(); } }, order.order)),
    element("td", {}, element("span", { className: `badge ${order.unwell ? "bad" : "good"}` }, order.event.replace("order.", "").replaceAll("_", " "))),
    order.what, clock(order.at / 1000),
  ])));
  if (!orders.length) byId("lately").append(row([{ text: "no order in this hour", className: "soft" }, "", "", ""]));
}

search.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(search, trace);
});
byId("again").addEventListener("click", (event) => doing(event.currentTarget, lately));

let first = true;
live.on("pipeline", (now) => {
  if (now.state !== "ready" || !first) return;
  first = false;
  if (address.get("name")) {
    search.elements.name.value = address.get("name");
    search.requestSubmit();
  }
  lately().catch((error) => tell(error.message, true));
});
let ended = null;
live.on("job", (job) => {
  const now = job.ended ? job.number : 0;
  if (ended !== null && now && now !== ended && job.kind === "redrive" && search.elements.name.value) doing(search, trace);
  ended = now;
});
