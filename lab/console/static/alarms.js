// Alarms, and what happened to them.

import { ask, clock, element, empty, live, moment, row, span, tell } from "/static/console.js";

const byId = (id) => document.getElementById(id);
const FIRST = ["ALARM", "INSUFFICIENT_DATA", "OK"];
const WORDS = { OK: "good", ALARM: "bad" };
const LATEST = 50;
let history = [];
let states = "";
let jumped = false;
let all = false;

async function read() {
  try {
    const found = await ask("/api/alarms");
    history = found.history;
    const byUrgency = (one) => [FIRST.indexOf(one.state), one.name.startsWith("critical") ? 0 : 1];
    const urgent = found.alarms.toSorted((a, b) => {
      const [[stateA, kindA], [stateB, kindB]] = [byUrgency(a), byUrgency(b)];
      return stateA - stateB || kindA - kindB || a.name.localeCompare(b.name);
    });
    byId("alarms").replaceChildren(...urgent.map(card));
    if (location.hash && !jumped) document.getElementById(location.hash.slice(1))?.scrollIntoView();
    jumped = true;
    choices(found.alarms.map((alarm) => alarm.name));
    draw();
  } catch (error) {
    tell(error.message, true);
  }
}

function card(alarm) {
  return element("li", { id: alarm.name, className: "card alarm", dataset: { state: alarm.state } },
    element("h3", {}, badge(alarm.state), ` ${alarm.name}`),
    element("p", {}, alarm.meaning),
    element("p", { className: "soft" }, `Rings when ${alarm.rule}.`),
    element("p", { className: "soft" }, `${alarm.state} for ${span(Date.now() / 1000 - alarm.since)}: ${alarm.reason}`),
    alarm.actionsEnabled ? null : element("p", { className: "bad" }, "Its actions are disabled: it tells nobody."),
    element("p", { className: "ways" },
      alarm.runbook ? element("a", { href: `/runbooks/${alarm.runbook}` }, "Runbook", element("span", { className: "hidden" }, ` of ${alarm.name}`)) : null,
      alarm.name.includes("-dlq-") ? element("a", { href: "/dlq" }, "Dead letters by what they died of", element("span", { className: "hidden" }, `, for ${alarm.name}`)) : null,
      alarm.state === "ALARM" ? element("a", { href: "/trace" }, "Orders that failed lately", element("span", { className: "hidden" }, `, for ${alarm.name}`)) : null,
      alarm.state === "ALARM" ? element("a", { href: "/logs" }, "Logs", element("span", { className: "hidden" }, ` for ${alarm.name}`)) : null));
}

function badge(state) {
  return element("span", { className: `badge ${WORDS[state] ?? "soft"}` }, state.replace("_", " ").toLowerCase());
}

function choices(names) {
  const select = byId("of");
  const known = [...select.options].map((option) => option.value);
  for (const name of names) if (!known.includes(name)) select.append(element("option", {}, name));
}

function draw() {
  const of = byId("of").value;
  const shown = history.filter((event) => !of || event.name === of);
  byId("older").hidden = all || shown.length <= LATEST;
  byId("older").textContent = `Show all ${shown.length}`;
  byId("history").replaceChildren(...shown.slice(0, all ? shown.length : LATEST).map((event) => row([
    element("td", {}, element("time", { dateTime: new Date(event.at * 1000).toISOString(), title: moment(event.at) }, clock(event.at))),
    event.name, badge(event.from), badge(event.to), { text: event.reason, className: "soft" },
  ])));
  if (!shown.length) empty(byId("history"), "no change of state yet");
}

byId("of").addEventListener("change", draw);
byId("older").addEventListener("click", () => {
  all = true;
  draw();
  byId("history").closest(".scroll").focus();
});
live.on("pipeline", (now) => {
  if (now.state !== "ready") return;
  const seen = JSON.stringify(now.vitals.alarms);
  if (seen !== states) {
    states = seen;
    read();
  }
});
