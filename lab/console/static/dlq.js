// The dead-letter queue: look, plan a redrive and confirm it, repair or discard single letters.

import { shown } from "/static/web/text.js";
import { act, confirmed, doing, element, figure, live, row, span, tell } from "/static/console.js";

const byId = (id) => document.getElementById(id);
const filters = byId("filters");
const CONFIRMED = 8;
let letters = [];
let letter = null;

live.on("pipeline", (now) => {
  if (now.state !== "ready") return;
  const { visible, in_flight: hidden, delayed } = now.vitals.dlq;
  byId("depth").textContent = figure(visible + hidden + delayed);
});

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

const became = (outcome) => Object.fromEntries(Object.entries({
  processed: outcome.processed, "died again": outcome.diedAgain, "still waiting": outcome.waiting, "unaccounted for": outcome.unknown,
}).filter(([, count]) => count));
const words = (counts) => Object.entries(counts ?? {}).map(([name, count]) => `${count} ${name}`).join(", ") || "none";
const pairs = (told) => Object.entries(told).filter(([, value]) => value !== undefined && value !== null)
  .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));

/** What the filters say, in the API's names. */
function chosen() {
  const plan = { force: true };
  for (const name of ["errorCategory", "errorType", "correlationId", "bodyContains"]) {
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
  byId("found-title").textContent = `${letters.length} of ${seen.seen} seen match${seen.complete ? "" : "; the queue holds more"}`;
  const causes = Object.entries(seen.statistics.byErrorType).sort(([, a], [, b]) => b - a);
  byId("causes").replaceChildren(...causes.map(([cause, count]) => element("li", {},
    element("button", { type: "button", onclick: () => { filters.elements.errorType.value = cause === "UNATTRIBUTED" ? "" : cause; filters.requestSubmit(); } },
      `${cause} `, element("strong", {}, count)))));
  byId("error-types").replaceChildren(...causes.map(([cause]) => element("option", { value: cause, label: shown(cause) })));
  byId("letters").replaceChildren(...letters.map(line));
  if (!letters.length) byId("letters").append(row([{ text: "nothing matches", className: "soft" }, "", "", "", "", "", ""]));
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
  byId("letter-title").textContent = `Dead letter ${one.messageId.slice(0, CONFIRMED)}`;
  const { body, attributes, history, triage, ...known } = one;
  byId("letter-known").replaceChildren(...pairs({
    ...known, history: history?.length ? JSON.stringify(history) : undefined, triage: triage && JSON.stringify(triage),
    attributes: Object.entries(attributes).map(([name, given]) => `${name}=${given.StringValue ?? given.BinaryValue}`).join("\n"),
  }));
  byId("letter-body").value = shown(pretty(body)); // escapes that JSON knows: it means the same
  byId("letter-error").textContent = "";
  byId("letter").showModal();
}

/** A body as lines. Digits stay as they are: only space between them is added, so that money stays exact. */
function pretty(body) {
  try {
    JSON.parse(body);
  } catch {
    return body;
  }
  let depth = 0;
  let text = false;
  let out = "";
  for (let at = 0; at < body.length; at += 1) {
    const sign = body[at];
    if (text) {
      out += sign;
      if (sign === "\\") out += body[(at += 1)];
      else if (sign === '"') text = false;
    } else if (sign === '"') {
      text = true;
      out += sign;
    } else if ("{[".includes(sign)) {
      depth += 1;
      out += `${sign}\n${"  ".repeat(depth)}`;
    } else if ("}]".includes(sign)) {
      depth -= 1;
      out += `\n${"  ".repeat(depth)}${sign}`;
    } else if (sign === ",") {
      out += `,\n${"  ".repeat(depth)}`;
    } else if (sign === ":") {
      out += ": ";
    } else if (!/\s/.test(sign)) {
      out += sign;
    }
  }
  return out;
}

function typedId() {
  const text = letter.messageId.slice(0, CONFIRMED);
  return { label: `Type the first ${CONFIRMED} characters of the message id: ${text}`, text };
}

filters.addEventListener("submit", (event) => {
  event.preventDefault();
  doing(filters, look);
});

byId("redrive").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!filters.reportValidity()) return;
  const plan = await doing(byId("redrive"), () => act("/api/dlq/plan", { plan: wanted() }));
  if (!plan) return;
  const { preview } = plan;
  const causes = Object.entries(preview.matching.byErrorType).map(([cause, count]) => `${count} ${cause}`).join(", ");
  const typed = await confirmed({
    title: `Move ${preview.eligible} messages?`,
    body: [element("dl", { className: "known" }, ...pairs({
      "match the filters": `${preview.matching.total} of ${preview.sampled} seen${preview.complete ? "" : "; the queue holds more"}`,
      causes: causes || "none", ...Object.fromEntries(Object.entries(plan.plan).map(([name, value]) => [name, String(value)])),
      digest: plan.digest,
    }))],
    typed: { label: `Type the first ${CONFIRMED} characters of the plan's digest: ${plan.confirmation}`, text: plan.confirmation },
    yes: "Redrive",
  });
  if (!typed) return;
  await doing(byId("redrive"), async () => {
    await act("/api/dlq/redrive", { plan: plan.plan, digest: plan.digest, confirmation: typed, eligible: preview.eligible });
    tell("The redrive has begun.");
  });
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
    await look();
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
    await look();
  }, byId("letter-error"));
});

byId("letter-close").addEventListener("click", () => byId("letter").close());
