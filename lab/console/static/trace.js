// One order's whole way, hop by hop, and the way back into it from where that is safe.

import { act, ask, clock, doing, element, empty, live, row, tell, traceOf } from "/static/console.js";
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
  const when = moment.at === null ? "nobody noted when" : `${clock(moment.at / 1000)}, ${moment.at < first ? "" : "+"}${moment.at - first} ms`;
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

const NOT_REPLAYED = {
  "the request": "Nobody keeps the body of an accepted order but the queue, and SQS deletes it once the worker is done. Its client may send it again: the idempotency key makes a copy a duplicate without effect.",
  "the effect": "It is written in one transaction with its key, once: there is no half of it to repeat.",
  "the event": "Each subscriber would get it twice, and only they know whether they can stand that. On AWS the setting eventArchiveDays keeps events, and StartReplay sends them to the rules that you name.",
};

/** What can be done with the order from where it is. */
function replay(seen) {
  const [letter] = seen.letters;
  if (!letter) {
    byId("replay").replaceChildren(
      element("p", {}, seen.done ? "Its effect stands, so there is nothing to replay." : "It is not in the DLQ, so there is nothing to redrive. While it is in the queue, SQS hands it on by itself."),
      element("details", {}, element("summary", {}, "Why nothing else is sent again from here"), element("dl", { className: "known" },
        ...Object.entries(NOT_REPLAYED).map(([hop, why]) => element("div", {}, element("dt", {}, hop), element("dd", {}, why))))));
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
    element("td", {}, element("span", { className: `badge ${order.unwell ? "bad" : "good"}` }, order.event.replace("order.", "").replace("redrive.", "redrive: ").replaceAll("_", " "))),
    order.what, clock(order.at / 1000),
  ])));
  if (!orders.length) empty(byId("lately"), "no order in this hour");
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
