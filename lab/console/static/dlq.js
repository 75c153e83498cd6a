// The dead-letter queue: what letters died of, a plan to redrive a group, single letters to repair or discard.

import { shown } from "/static/web/text.js";
import { act, clock, confirmed, doing, element, empty, figure, live, moment, row, span, tell, traceOf } from "/static/console.js";
import { pretty } from "/static/pretty.js";
import { CONFIRMED, pairs, planned } from "/static/redrive.js";

const byId = (id) => document.getElementById(id);
const filters = byId("filters");
const GROUPS_AT_ONCE = 40;
const LETTERS_AT_ONCE = 100;
const STATUSES = ["new", "known", "being worked on", "mended"];
const BARS = "·▁▂▃▄▅▆▇█";
const DISTURBING = ["redrive", "scenario", "steady"];
const became = (outcome) => Object.fromEntries(Object.entries({
  processed: outcome.processed, "died again": outcome.diedAgain, "still waiting": outcome.waiting, "unaccounted for": outcome.unknown,
}).filter(([, count]) => count));
const words = (counts) => Object.entries(counts ?? {}).map(([name, count]) => `${count} ${name}`).join(", ") || "none";
let groups = [];
let letters = [];
let letter = null;
let depth = null;
let read = null; // {at, letters} of the last look at the groups
let endedJob = null;

live.on("pipeline", (now) => {
  if (now.state !== "ready") return;
  const { visible, in_flight: hidden, delayed } = now.vitals.dlq;
  depth = visible + hidden + delayed;
  byId("depth").textContent = figure(depth);
  if (read === null) readGroups().then(openNamed);
  else sayHowOld();
});

// What a job has moved, the page shows no more: it is read again once that has ended.
live.on("job", (job) => {
  const first = endedJob === null;
  const seen = job.ended ? job.number : 0;
  if (!first && seen && seen !== endedJob && DISTURBING.includes(job.kind)) readAgain();
  endedJob = seen;
});

async function readAgain() {
  await readGroups();
  if (!byId("found").hidden) await doing(filters, look);
}

async function readGroups() {
  const before = read;
  read = { at: Date.now() / 1000, letters: null };
  byId("groups-told").textContent = "reading the queue";
  try {
    const found = await act("/api/dlq/groups");
    groups = found.groups;
    read = { at: Date.now() / 1000, letters: found.letters, complete: found.complete };
    drawGroups(GROUPS_AT_ONCE);
    sayHowOld();
  } catch (error) {
    read = before ?? read;
    byId("groups-told").textContent = shown(error.message);
  }
}

/** Open the letter that the address names, as a trace does. */
async function openNamed() {
  const name = new URLSearchParams(location.search).get("letter");
  if (!name) return;
  filters.elements.limit.value = filters.elements.limit.max;
  await doing(filters, look);
  const named = letters.find((one) => one.messageId === name);
  if (named) open(named);
  else tell("That letter is not in the queue any more.", true);
}

function sayHowOld() {
  if (read?.letters === null || read === null) return;
  const more = read.complete ? "" : ", and the queue holds more";
  const what = groups.length === 0 ? "The queue is empty" : `${figure(read.letters)} letters in ${groups.length} ${groups.length === 1 ? "group" : "groups"}${more}`;
  const since = depth !== null && depth !== read.letters && read.complete ? ` Since then it has come to hold ${figure(depth)}: read again to see them.` : "";
  const text = `${what}, read at ${clock(read.at)}.${since}`;
  if (byId("groups-told").textContent !== text) byId("groups-told").textContent = text;
}

function drawGroups(most) {
  byId("groups").replaceChildren(...groups.slice(0, most).map(groupCard));
  byId("more-groups").hidden = groups.length <= most;
}

function groupCard(group) {
  const name = `${group.inferred ? "inferred" : group.errorType}: ${group.signature}`;
  const of = () => element("span", { className: "hidden" }, ` of ${name}`);
  const most = Math.max(...group.deaths);
  const bars = group.deaths.map((count) => BARS[most ? Math.ceil((count * 8) / most) : 0]).join("");
  const facts = {
    letters: figure(group.count), category: group.errorCategory,
    "last death": `${span(Date.now() / 1000 - group.lastDeathAt / 1000)} ago`,
    "last hour": element("span", {}, element("span", { className: "spark", attributes: { "aria-hidden": "true" } }, bars), ` ${group.trend}`),
    redriven: group.redriven || undefined, "oldest expires in": span(group.oldestExpiresInSeconds),
  };
  const status = group.status ?? "new";
  return element("li", { className: "card group", dataset: { fingerprint: group.fingerprint } },
    element("h3", {}, group.inferred ? element("em", {}, "inferred") : group.errorType, group.place ? element("span", { className: "soft" }, ` in ${group.place}`) : null),
    element("p", { className: "signature" }, group.signature),
    element("dl", { className: "figures" }, ...pairs(facts)),
    element("p", {}, element("span", { className: `badge ${status === "returned" ? "bad" : status === "mended" ? "good" : ""}` }, status),
      group.note || group.by ? ` ${[group.note, group.by].filter(Boolean).join(", says ")}` : ""),
    element("p", { className: "buttons" },
      element("button", { type: "button", className: "primary", onclick: (event) => planOf(group, event.currentTarget) }, "Plan a redrive", of()),
      element("button", { type: "button", onclick: () => only(group) }, "Letters", of()),
      element("button", { type: "button", className: "quiet", onclick: (event) => noted(group, event.currentTarget) }, "Note …", of())));
}

/** Leave nothing in the filters but a group. */
function filterBy(group) {
  for (const name of ["errorCategory", "errorType", "correlationId", "bodyContains"]) filters.elements[name].value = "";
  filters.elements.minAgeSeconds.value = 0;
  filters.elements.limit.value = filters.elements.limit.max;
  filters.elements.fingerprint.value = group.fingerprint;
}

async function only(group) {
  filterBy(group);
  await doing(filters, look);
  byId("found-title").focus();
}

async function planOf(group, button) {
  filterBy(group);
  await planned(button, wanted());
}

async function noted(group, button) {
  const select = element("select", { id: "group-status" }, ...STATUSES.map((status) => element("option", { selected: status === group.status }, status)));
  const note = element("input", { id: "group-note", maxLength: 1024, value: group.note ?? "", autocomplete: "off" });
  const sure = await confirmed({
    title: `Where does ${group.fingerprint} stand?`,
    body: [element("label", { htmlFor: "group-status" }, "Status"), select, element("label", { htmlFor: "group-note" }, "What is known of it"), note],
    yes: "Write it down",
  });
  if (!sure) return;
  await doing(button, async () => {
    Object.assign(group, await act("/api/dlq/note", { fingerprint: group.fingerprint, status: select.value, note: note.value }));
    drawGroups(byId("groups").children.length);
  });
}

byId("read-groups").addEventListener("click", (event) => doing(event.currentTarget, readAgain));
byId("more-groups").addEventListener("click", () => drawGroups(byId("groups").children.length + GROUPS_AT_ONCE));

live.on("job", (job) => {
  if (job.kind !== "redrive" || !job.details.operation) return;
  const operation = job.details.operation;
  byId("operation").hidden = false;
  const told = {
    operation: operation.operationId, status: operation.status, phase: operation.phase, moved: `${operation.moved} of ${job.details.eligible}`,
    "what became of them": operation.outcome && words(became(operation.outcome)),
    seen: operation.seen === undefined ? undefined : `${operation.seen} of about ${operation.lettersAtStart}${operation.complete ? ", all there were" : ""}`,
    skipped: words(operation.skipped), "by category": words(operation.byCategory), "halted because": operation.haltReason, failure: operation.failure ?? operation.incompleteReason,
  };
  byId("operation-figures").replaceChildren(...pairs(told));
});

/** What the filters say, in the API's names. */
function chosen() {
  const plan = { force: true };
  for (const name of ["errorCategory", "errorType", "correlationId", "bodyContains", "fingerprint"]) {
    const value = filters.elements[name].value.trim();
    if (value) plan[name] = value;
  }
  plan.minAgeSeconds = filters.elements.minAgeSeconds.valueAsNumber;
  return plan;
}

function wanted() {
  const plan = chosen();
  const form = byId("redrive").elements;
  for (const name of ["maxMessages", "canaryMessages", "perMessageDelayJitter"]) plan[name] = form[name].valueAsNumber;
  if (form.ratePerSecond.value) plan.ratePerSecond = form.ratePerSecond.valueAsNumber;
  plan.force = form.force.checked;
  return plan;
}

async function look() {
  const seen = await act("/api/dlq/look", { plan: chosen(), limit: filters.elements.limit.valueAsNumber });
  letters = seen.letters;
  byId("found").hidden = false;
  const first = letters.length < seen.matching ? `, of which the first ${letters.length} are here` : "";
  byId("found-title").textContent = `${seen.matching} of ${seen.seen} seen match${first}${seen.complete ? "" : "; the queue holds more"}`;
  const causes = Object.entries(seen.statistics.byErrorType).sort(([, a], [, b]) => b - a);
  byId("causes").replaceChildren(...causes.map(([cause, count]) => element("li", {},
    element("button", { type: "button", onclick: () => { filters.elements.errorType.value = cause === "UNATTRIBUTED" ? "" : cause; filters.requestSubmit(); } },
      `${cause} `, element("strong", {}, count)))));
  byId("error-types").replaceChildren(...causes.map(([cause]) => element("option", { value: cause, label: shown(cause) })));
  drawLetters(LETTERS_AT_ONCE);
}

function drawLetters(most) {
  byId("letters").replaceChildren(...letters.slice(0, most).map(line));
  byId("more-letters").hidden = letters.length <= most;
  if (!letters.length) empty(byId("letters"), "nothing matches");
}

function line(one) {
  const cause = one.attributed ? one.errorType : element("em", {}, `inferred: ${one.triage.inferred}`);
  return row([
    element("td", {}, element("button", { type: "button", className: "link", onclick: () => open(one) }, one.orderId ?? one.messageId.slice(0, CONFIRMED))),
    one.errorCategory ?? "UNATTRIBUTED", cause,
    { text: one.attributed ? span(one.ageSeconds) : `≤ ${span(one.ageSeconds)}`, className: "number" },
    { text: one.receives, className: "number" }, { text: one.redriveCount, className: "number" },
    element("td", {}, element("code", {}, one.messageId.slice(0, CONFIRMED))),
  ]);
}

function open(one) {
  letter = one;
  byId("letter-title").textContent = shown(`Dead letter ${one.orderId ?? one.messageId.slice(0, CONFIRMED)}`);
  const died = one.attributed ? `${one.errorCategory} ${one.errorType}: ${one.errorMessage ?? "no message"}` : `Inferred: ${one.triage.inferred}`;
  const when = one.attributed ? `Died ${span(one.ageSeconds)} ago` : "Nobody noted when it died";
  byId("letter-cause").replaceChildren(element("strong", {}, died), ` ${when}; received ${one.receives} times, redriven ${one.redriveCount} times.`);
  byId("letter-trace").href = traceOf(one.correlationId ?? one.orderId ?? one.messageId);
  const { body, attributes, history, triage, ...known } = one;
  byId("letter-known").replaceChildren(...pairs({
    ...known, acceptedAt: one.acceptedAt && moment(one.acceptedAt / 1000),
    history: history?.length ? JSON.stringify(history) : undefined, triage: triage && JSON.stringify(triage),
    "also attached": Object.entries(attributes).map(([name, given]) => [name, given.StringValue ?? given.BinaryValue])
      .filter(([name, value]) => String(known[name]) !== value).map(([name, value]) => `${name}=${value}`).join("\n") || undefined,
  }));
  byId("letter-body").value = shown(pretty(body)); // escapes that JSON knows: it means the same
  byId("letter-error").textContent = "";
  byId("letter").showModal();
  byId("letter").scrollTop = 0;
}

function typedId() {
  const text = letter.messageId.slice(0, CONFIRMED);
  return { label: `Type the first ${CONFIRMED} characters of the message id: ${text}`, text };
}

filters.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(filters, look);
});

byId("more-letters").addEventListener("click", () => drawLetters(byId("letters").children.length + LETTERS_AT_ONCE));

byId("redrive").addEventListener("submit", (event) => {
  event.preventDefault();
  if (filters.reportValidity()) planned(byId("redrive"), wanted());
});

byId("repair").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = byId("letter-body").value;
  const typed = await confirmed({
    title: "Send the repaired order?",
    body: [element("p", {}, "It is validated and sent to the queue; then the dead letter is deleted. Its lineage keeps who changed what.")],
    typed: typedId(), yes: "Send it",
  });
  if (!typed) return;
  await doing(event.target, async () => {
    const sent = await act("/api/dlq/repair", { messageId: letter.messageId, body, confirmation: typed });
    byId("letter").close();
    tell(`Order ${sent.orderId} sent; the dead letter is deleted.`);
    await readAgain();
  }, byId("letter-error"));
});

byId("letter-discard").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const reason = element("input", { id: "reason", required: true, maxLength: 1024, autocomplete: "off" });
  const typed = await confirmed({
    title: "Give this dead letter up?",
    body: [
      element("p", {}, "An audit row keeps its body and your reason; the ledger counts it."),
      element("label", { htmlFor: "reason" }, "Reason"), reason,
    ],
    typed: typedId(), yes: "Discard it", danger: true,
  });
  if (!typed) return;
  await doing(button, async () => {
    await act("/api/dlq/discard", { messageId: letter.messageId, reason: reason.value, confirmation: typed });
    byId("letter").close();
    tell("Discarded; the audit row keeps it.");
    await readAgain();
  }, byId("letter-error"));
});

byId("letter-close").addEventListener("click", () => byId("letter").close());
