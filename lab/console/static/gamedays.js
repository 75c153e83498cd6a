// GameDays: the clock, what happened, the team's words, the facilitator's desk.

import { act, ask, confirmed, doing, element, empty, live, moment, row, tell } from "/static/console.js";
import { pairs } from "/static/redrive.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const EVERY = 1500;
let drawn = "";

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

async function read() {
  const { now, played } = await ask("/api/gamedays");
  byId("game").hidden = !now;
  byId("play").hidden = Boolean(now);
  if (now) draw(now);
  const rows = JSON.stringify(played);
  if (rows === drawn) return;
  drawn = rows;
  byId("played").replaceChildren(...played.toReversed().map((one) => row([
    moment(one.at / 1000), one.name, { text: one.hints, className: "number" }, Object.entries(one.times).map(([name, time]) => `${name}: ${time}`).join("; "),
  ])));
  if (!played.length) empty(byId("played"), "none yet");
}

function draw(now) {
  if (byId("game-title").textContent !== shown(now.title)) byId("game-title").textContent = shown(now.title);
  byId("clock").textContent = `${minutes(now.clock)} of ${minutes(now.seconds)}${now.paused ? ", paused" : ""}`;
  const seen = now.pipeline;
  const ringing = Object.entries(seen?.alarms ?? {}).filter(([, state]) => state === "ALARM").map(([name]) => name);
  byId("pipeline").replaceChildren(...pairs(seen ? { queue: seen.queued, "in flight": seen.in_flight, "in the DLQ": seen.dlq, "in ALARM": ringing.join(", ") || "none" } : {}));
  byId("moments").replaceChildren(...now.moments.toReversed().map((one) => row([{ text: one.clock, className: "number" }, one.kind, one.who, one.text])));
  const waiting = now.incidents.filter((incident) => !incident.repaired).map((incident) => incident.repair);
  byId("secrets").replaceChildren(...pairs({
    "next inject": now.nextInject ? `at ${minutes(now.nextInject.at)}: ${now.nextInject.told}` : "none",
    "to repair": waiting.join("; ") || "nothing now", "hints given": `${now.hintsGiven} of ${now.hints.length}`, "next hint": now.hints[now.hintsGiven],
  }));
}

const asked = (control, action, more = {}) => doing(control, async () => {
  await act("/api/gamedays/ask", { action, text: "", who: byId("words").elements.who.value, ...more });
  tell("Asked; the timeline shows it in a moment.");
});

byId("words").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text } = byId("words").elements;
  await asked(event.currentTarget, event.submitter?.value ?? "note", { text: text.value });
  text.value = "";
});
for (const button of document.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", async () => {
    const { ask: action } = button.dataset;
    if (action === "end" && !await confirmed({ title: "End the game?", body: [element("p", {}, "Score card and report follow.")], yes: "End it", danger: true })) return;
    await asked(button, action);
  });
}
byId("play").addEventListener("submit", (event) => {
  event.preventDefault();
  const { gameday, faster, team } = byId("play").elements;
  doing(event.currentTarget, async () => {
    await act("/api/gamedays/play", { name: gameday.value, faster: faster.valueAsNumber, team: team.value });
    tell("It begins as soon as the pipeline is seen to be steady.");
  });
});
const again = () => read().catch((error) => tell(error.message, true));
setInterval(again, EVERY);
live.on("job", again);
again();
