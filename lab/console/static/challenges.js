// Challenges: choose one, name a file, read the verdict.

import { act, doing, element, live } from "/static/console.js";
import { shown } from "/static/web/text.js";

const byId = (id) => document.getElementById(id);
const form = byId("judge");

live.on("job", (job) => {
  form.querySelector("button").disabled = !job.ended;
  if (job.kind === "challenge") draw(job);
});

function draw(job) {
  const { verdict, names = [], untested, hint, solutions } = job.details;
  byId("verdict").hidden = false;
  byId("verdict-title").textContent = job.title;
  byId("kept").textContent = shown(
    verdict ? (solutions ? "passed: every promise is kept" : untested ? `not tested: ${untested}` : `failed: ${names.join(", ") || verdict[0]}`)
      : job.ended ? job.told : "under way");
  byId("kept").className = solutions ? "good" : verdict ? "bad" : "";
  byId("lines").hidden = !verdict?.length;
  byId("lines").textContent = lines(verdict ?? []);
  byId("hint-box").hidden = !hint;
  byId("hint").textContent = hint ?? "";
  byId("solutions").replaceChildren(...Object.entries(solutions ?? {}).flatMap(([name, text]) => [
    element("h3", {}, name), Object.assign(element("pre", { tabIndex: 0 }), { textContent: lines(text.split("\n")) }),
  ]));
}

const lines = (texts) => texts.map((line) => shown(line)).join("\n");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, handler, seed } = form.elements;
  const job = await doing(form, () => act("/api/challenges/run", { name: name.value, handler: handler.value, seed: seed.valueAsNumber }), byId("error"));
  if (!job) return;
  byId("error").textContent = "";
  draw(job);
  byId("verdict-title").focus();
});
for (const button of document.querySelectorAll("[data-challenge]")) {
  button.addEventListener("click", () => {
    form.elements.name.value = button.dataset.challenge;
    form.elements.handler.focus();
  });
}
