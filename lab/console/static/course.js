// The course: where somebody stands in each module.

import { ask, empty, moment, row, span, tell } from "/static/console.js";

const byId = (id) => document.getElementById(id);
const BADGES = { done: "good", "under way": "warn" };

async function read() {
  const course = await ask("/api/course");
  for (const one of course.modules) {
    const card = document.querySelector(`[data-module="${one.name}"]`);
    const badge = card.querySelector("[data-state]");
    badge.textContent = one.name === course.next && one.state === "not begun" ? "next" : one.state;
    badge.className = `badge ${BADGES[one.state] ?? ""}`;
    card.classList.toggle("coming", one.name === course.next);
    card.querySelector("[data-told]").textContent = one.state === "done"
      ? `, took ${span(one.seconds)}, ${one.score} points${one.hints ? `, ${one.hints} hints` : ""}` : "";
  }
  const done = course.modules.filter((one) => one.state === "done").length;
  byId("summary").textContent = `${done} of ${course.modules.length} modules, ${course.points} of ${course.of} points.`;
  byId("predictions").replaceChildren(...course.predictions.toReversed().map((one) => row([
    moment(one.at / 1000), one.name, { text: `${one.right} of ${one.of}`, className: "number" }, one.missed.join("; "),
  ])));
  if (!course.predictions.length) empty(byId("predictions"), "none yet: Scenarios has Predict and run");
}

read().catch((error) => tell(error.message, true));
