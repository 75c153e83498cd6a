// Switches for faults, and what is in force.

import { act, backToSteady, doing, element, live, span, tell } from "/static/console.js";

const byId = (id) => document.getElementById(id);
let now = null;

live.on("pipeline", (latest) => {
  now = latest;
  draw();
});
live.on("job", draw);
setInterval(draw, 1000);

function busy() {
  const job = live.latest.job;
  return Boolean(job && !job.ended && job.kind !== "redrive");
}

function draw() {
  if (now?.state !== "ready") return;
  drawInForce();
  for (const card of document.querySelectorAll("[data-switch]")) {
    const button = card.querySelector("button");
    const on = now.inForce.find((one) => one.switch === card.dataset.switch);
    const other = now.inForce.find((one) => one.knob === card.dataset.knob);
    const impossible = card.dataset.local === "true" && !now.localFunctions;
    button.setAttribute("aria-checked", String(Boolean(on)));
    button.disabled = button.hasAttribute("aria-busy") || impossible || busy() || Boolean(other && !on);
    card.querySelector(".switch-state").textContent = words(on, other, impossible);
  }
}

function words(on, other, impossible) {
  if (on) return `on, for another ${left(on)}${hits(on)}`;
  if (impossible) return "not provable here: the functions do not run on this machine";
  if (busy()) return `waits for ${live.latest.job.title.toLowerCase()}`;
  return other ? `end first: ${other.told}` : "off";
}

const left = (one) => (one.expiresAt ? span(one.expiresAt - Date.now() / 1000) : "as long as it stands");
const hits = (one) => (one.knob === "worker-environment" && now.hits !== null ? `; ${now.hits} calls hit` : "");

function drawInForce() {
  // What is to be found out has no knob, and may be the mode: it is not named either.
  const mode = now.failureMode !== "none" && !now.inForce.some((one) => one.knob === "failure-mode" || one.knob === null)
    ? [{ told: `failure mode ${now.failureMode}, set elsewhere`, knob: null }] : [];
  const items = [...now.inForce, ...mode];
  const lines = items.map((one) => (one.knob ? `${one.told}, for another ${left(one)}` : one.told));
  const list = byId("in-force");
  const texts = [...list.querySelectorAll("[data-text]")];
  if (texts.length === lines.length && texts.every((text, index) => items[index].knob === (text.dataset.knob || null))) {
    texts.forEach((text, index) => { if (text.textContent !== lines[index]) text.textContent = lines[index]; });
    if (lines.length) return;
  }
  list.replaceChildren(...items.map((one, index) => element("li", {},
    element("span", { dataset: { text: "", knob: one.knob ?? "" } }, lines[index]),
    one.knob ? element("button", { type: "button", onclick: (event) => end(event.currentTarget, one.knob) },
      "End", element("span", { className: "hidden" }, ` ${one.told}`)) : null)));
  if (!items.length) list.append(element("li", { className: "soft" }, "nothing: no failure mode, no fault"));
}

async function end(button, knob) {
  await doing(button, async () => {
    await act("/api/faults/off", { knob });
    tell("Ended.");
  });
}

for (const card of document.querySelectorAll("[data-switch]")) {
  const button = card.querySelector("button");
  button.addEventListener("click", () => doing(button, async () => {
    if (button.getAttribute("aria-checked") === "true") {
      await act("/api/faults/off", { knob: card.dataset.knob });
      tell(`${card.querySelector("h3").textContent}: ended`);
    } else {
      const seconds = Number(byId("ttl").elements.seconds.value);
      await act("/api/faults/on", { name: card.dataset.switch, seconds });
      tell(`${card.querySelector("h3").textContent}: in force for ${span(seconds)}`);
    }
  }));
}
byId("ttl").addEventListener("submit", (event) => event.preventDefault());
byId("steady").addEventListener("click", (event) => backToSteady(event.currentTarget));
