// One module: begin it, have its checkpoints looked at, answer its question.

import { act, ask, confirmed, doing, element, span, tell } from "/static/console.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const name = byId("module").dataset.name;
const checks = byId("checks");
const question = byId("question");

function draw(where) {
  const begun = where.begun !== null;
  const done = where.finished !== null;
  byId("state").textContent = done ? `done in ${span(where.seconds)}, ${where.score} points` : begun ? `under way, worth ${where.score} points` : "not begun";
  byId("begin").hidden = begun;
  byId("reset").hidden = !begun;
  for (const control of [...checks.elements, ...question.elements]) control.disabled = !begun;
  byId("hint").disabled = !begun || done || where.hintsLeft === 0;
  for (const line of checks.querySelectorAll("[data-checkpoint]")) {
    const passed = where.passed.includes(line.dataset.checkpoint);
    line.dataset.passed = String(passed);
    const looked = where.checkpoints?.[line.dataset.checkpoint];
    line.querySelector("[data-seen]").textContent = shown(looked ? `${passed ? "yes" : "not yet"}: ${looked.seen}` : passed ? "yes" : "");
  }
  byId("hints").replaceChildren(...where.given.map((hint) => element("li", {}, hint)));
  if (where.why) {
    const right = question.querySelector(`[value="${where.answer}"]`);
    if (right) right.checked = true;
    byId("verdict").replaceChildren(element("strong", { className: "good" }, "Right. "), where.why);
    for (const control of question.elements) control.disabled = true;
  }
}

const todo = (control, path, more = {}) => doing(control, async () => {
  const where = await act(`/api/course/${path}`, { name, ...more });
  draw(where);
  return where;
});

byId("begin").addEventListener("click", async (event) => {
  await todo(event.currentTarget, "begin");
  checks.querySelector("button").focus();
});
byId("reset").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const sure = await confirmed({ title: "Begin again?", body: [element("p", {}, "What you have done of this module counts no more.")], yes: "Begin again" });
  if (!sure) return;
  await todo(button, "reset");
  byId("verdict").replaceChildren();
  question.reset();
});
byId("hint").addEventListener("click", (event) => todo(event.currentTarget, "hint"));
checks.addEventListener("submit", async (event) => {
  event.preventDefault();
  const typed = Object.fromEntries([...checks.querySelectorAll("input")].map((input) => [input.name, input.value]));
  const where = await doing(checks, () => act("/api/course/check", { name, typed }));
  if (where) draw(where);
});
question.addEventListener("submit", async (event) => {
  event.preventDefault();
  const choice = Number(new FormData(question).get("choice"));
  const where = await doing(question, () => act("/api/course/answer", { name, choice }));
  if (!where) return;
  if (!where.answeredRight) byId("verdict").replaceChildren(element("strong", { className: "bad" }, "No. "), "Think again: another answer may be given.");
  draw(where);
});
ask(`/api/course/${name}`).then(draw).catch((error) => tell(error.message, true));
