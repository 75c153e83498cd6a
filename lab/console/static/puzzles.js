// Puzzles: break something, look for it, check, with a clock and a record.

import { act, ask, backToSteady, confirmed, doing, element, live, row, tell } from "/static/console.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const STATES = { solved: "good", "given up": "bad", open: "warn" };
const VERDICTS = { proved: "good", refuted: "bad", "not read": "bad" };
let current = null;

const minutes = (seconds) => (seconds === null ? "" : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);

function draw(found) {
  current = found.current;
  byId("break").hidden = current !== null;
  byId("current").hidden = current === null && !found.told;
  for (const id of ["check", "nothing", "give-up"]) byId(id).hidden = current === null;
  byId("hint").hidden = current === null || current.hintsLeft === 0;
  if (current) {
    byId("current-title").textContent = `${current.name}, level ${current.level}`;
    byId("symptom").textContent = shown(`What people say: ${current.symptom}`);
    byId("hints").replaceChildren(...current.given.map((hint) => element("li", {}, hint)));
  } else {
    byId("clock").textContent = "";
  }
  tick();
  const select = byId("break").elements.puzzle;
  if (select.options.length === 1) select.append(...found.puzzles.map((one) => element("option", { value: one.name }, `${one.name}, level ${one.level}`)));
  byId("puzzles").replaceChildren(...found.puzzles.map((one) => row([
    one.name, { text: one.level, className: "number" },
    element("td", {}, element("span", { className: `badge ${STATES[one.state] ?? ""}` }, one.state)),
    ...[minutes(one.seconds), minutes(one.bestSeconds), one.hints || "", one.checks || ""].map((text) => ({ text, className: "number" })),
  ])));
}

function tick() {
  if (!current?.startedAt) return; // somebody else's, whose clock is in another folder
  const seconds = Math.max(0, Math.round((Date.now() - current.startedAt) / 1000));
  byId("clock").textContent = `${minutes(seconds)} of ${minutes(current.parSeconds)}`;
  byId("clock").classList.toggle("bad", seconds > current.parSeconds);
}
setInterval(tick, 1000);

async function check(button, nothingWrong) {
  byId("told").textContent = "checking: eight orders are sent, and what becomes of them is watched. That takes some ten seconds; longer where the alarm stays silent or rings already, as its period is 10 s";
  const found = await doing(button, () => act("/api/puzzles/check", { nothingWrong }), byId("told"));
  if (!found) return;
  draw(found);
  byId("told").replaceChildren(element("strong", { className: found.solved ? "good" : "" }, found.told), found.leftovers ? ` ${found.leftovers}.` : "");
  byId("results-box").hidden = false;
  byId("results").replaceChildren(...found.results.map((one) => row([
    one.name, element("td", {}, element("span", { className: `badge ${VERDICTS[one.verdict] ?? "soft"}` }, one.verdict)), one.seen,
  ])));
}

byId("break").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { puzzle, level, seed } = byId("break").elements;
  const found = await doing(event.currentTarget, () => act("/api/puzzles/break", {
    name: puzzle.value, level: Number(level.value), ...(seed.value && { seed: seed.valueAsNumber }),
  }));
  if (!found) return;
  byId("told").replaceChildren();
  byId("results-box").hidden = true;
  draw(found);
  byId("current-title").focus();
});
byId("check").addEventListener("click", (event) => check(event.currentTarget, false));
byId("nothing").addEventListener("click", (event) => check(event.currentTarget, true));
byId("hint").addEventListener("click", (event) => doing(event.currentTarget, async () => draw(await act("/api/puzzles/hint"))));
byId("give-up").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const sure = await confirmed({ title: "Give up?", body: [element("p", {}, "The solution is told, and the puzzle counts as given up.")], yes: "Tell me" });
  if (!sure) return;
  await doing(button, async () => {
    const { revealed, section, ...found } = await act("/api/puzzles/reveal");
    draw(found);
    byId("told").replaceChildren(element("strong", {}, revealed), ` How to look and to mend it is in the runbook of settings, under: ${section}. `);
    await backToSteady(button);
  });
});
let first = true;
let ended = null;
const read = () => ask("/api/puzzles").then(draw).catch((error) => tell(error.message, true));
live.on("pipeline", (now) => {
  if (now.state !== "ready" || !first) return;
  first = false;
  read();
});
live.on("job", (job) => {
  const now = job.ended ? job.number : 0;
  if (ended !== null && now && now !== ended) read();
  ended = now;
});
