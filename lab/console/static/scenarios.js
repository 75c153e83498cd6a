// Scenarios: run one, watch its predictions being decided, read its report.

import { act, ask, backToSteady, doing, element, empty, live, row, tell } from "/static/console.js";

const byId = (id) => document.getElementById(id);
const VERDICTS = { proved: "good", refuted: "bad", "not read": "bad" };
let reported = "";

live.on("job", (job) => {
  if (job.kind === "scenario") draw(job);
  for (const button of document.querySelectorAll("[data-run], [data-faultless], [data-predict]")) button.disabled = !job.ended;
  const done = `${job.number} ${job.ended}`;
  if (job.ended && done !== reported) {
    reported = done;
    reports();
  }
});

function draw(job) {
  const name = job.title.split(" ")[1];
  const card = document.querySelector(`[data-scenario="${name}"]`);
  byId("run").hidden = false;
  byId("run-title").textContent = card ? card.querySelector("h3").textContent : job.title;
  const findings = job.details.findings ?? [];
  const pending = [...(card?.querySelectorAll(".predictions tbody tr") ?? [])]
    .map((line) => line.dataset)
    .filter(({ act: of, name: what }) => !findings.some((found) => found.act === of && found.name === what));
  const guesses = job.details.guesses ?? [];
  const guessed = (act, what) => guesses.find((one) => one.act === act && one.name === what)?.guess ?? "";
  byId("run").classList.toggle("predicted", guesses.length > 0);
  judged(job);
  byId("findings").replaceChildren(
    ...findings.map((found) => row([
      found.act, found.name, you(guessed(found.act, found.name), found), found.expected, found.seen,
      element("td", {}, element("span", { className: `badge ${VERDICTS[found.verdict] ?? "soft"}`, title: found.why }, found.verdict)),
      { text: found.seconds.toFixed(1), className: "number" },
    ])),
    ...pending.map((awaited, index) => row([
      awaited.act, awaited.name, you(guessed(awaited.act, awaited.name)), guesses.length ? "" : awaited.expected, "", element("td", { className: "soft" }, waits(job, index)), "",
    ], { className: "pending" })));
  const now = job.details.now?.[0];
  if (now) {
    const words = { queued: "queued", in_flight: "in flight", dlq: "in the DLQ", processed: "processed" };
    byId("run-now").replaceChildren(...Object.entries(words).map(([key, label]) =>
      element("div", {}, element("dt", {}, label), element("dd", {}, now[key]))));
  }
}

/** A person's own prediction, and once it is judged whether it was right. */
function you(guess, found) {
  const judged = found && found.guessedRight !== null && found.guessedRight !== undefined;
  return element("td", { className: "you" }, guess, judged
    ? element("span", { className: `badge ${found.guessedRight ? "good" : "bad"}` }, found.guessedRight ? "right" : "wrong") : null);
}

function judged(job) {
  const { score, misses = {} } = job.details;
  byId("judged").hidden = !score;
  if (!score || byId("judged").dataset.of === String(job.number)) return;
  byId("judged").dataset.of = job.number;
  byId("judged").replaceChildren(element("p", {}, element("strong", {}, `you: ${score}`)),
    element("dl", {}, ...Object.entries(misses).flatMap(([miss, why]) => [element("dt", {}, miss), element("dd", { className: "soft" }, why)])));
}

function waits(job, index) {
  if (job.ended) return "not reached";
  return index === 0 ? "looking" : "";
}

async function reports() {
  try {
    const { reports: found } = await ask("/api/reports");
    byId("reports").replaceChildren(...found.map((one) => row([
      element("td", {}, element("a", { href: `/reports/${one.page}` }, one.title)),
      element("td", {}, element("span", { className: `badge ${one.passed ? "good" : "bad"}` }, one.passed ? "passed" : "failed")),
      element("td", {}, one.recorded ? element("a", { href: `/flight/${one.page.split("/")[0]}` }, "Recorder", element("span", { className: "hidden" }, ` of ${one.title}, ${one.started}`)) : ""),
      one.started,
      ...[one.seconds.toFixed(1), one.proved, one.refuted, one.not_provable].map((text) => ({ text, className: "number" })),
    ])));
    if (!found.length) empty(byId("reports"), "no runs yet");
  } catch (error) {
    tell(error.message, true);
  }
}

let predicting = null; // the card whose questions are asked
byId("predict-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const guesses = Object.fromEntries(new FormData(event.currentTarget));
  const job = await doing(event.currentTarget, () => act("/api/scenarios/run", { name: predicting.dataset.scenario, guesses }), byId("predict-error"));
  if (!job) return;
  byId("predict").close();
  byId("run-title").focus();
});
byId("predict-no").addEventListener("click", () => byId("predict").close());

for (const card of document.querySelectorAll("[data-scenario]")) {
  card.querySelector("[data-predict]").addEventListener("click", () => {
    predicting = card;
    byId("predict-title").textContent = card.querySelector("h3").textContent;
    byId("predict-questions").replaceChildren(card.querySelector("template").content.cloneNode(true));
    byId("predict-error").textContent = "";
    byId("predict").showModal();
  });
  const start = (withoutFault) => async (event) => {
    const job = await doing(event.currentTarget, () => act("/api/scenarios/run", { name: card.dataset.scenario, withoutFault }));
    if (job) byId("run-title").focus();
  };
  card.querySelector("[data-run]").addEventListener("click", start(false));
  card.querySelector("[data-faultless]")?.addEventListener("click", start(true));
}
byId("steady").addEventListener("click", (event) => backToSteady(event.currentTarget));
reports();
