// What all pages share: asking the server, following its events, the job under way, confirmations.

import { shown } from "/static/web/text.js";

const csrf = document.querySelector('meta[name="csrf-token"]').content;
const byId = (id) => document.getElementById(id);

/** Ask for JSON. Throws an Error whose message is what is wrong, with the way to mend it. */
export async function ask(path) {
  return answered(fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" }));
}

/** Have something done. Throws like `ask`. */
export async function act(path, body = {}) {
  return answered(fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
  }));
}

async function answered(request) {
  let answer;
  try {
    answer = await request;
  } catch {
    throw new Error("The console does not answer. Does make console still run?");
  }
  const value = await answer.json();
  if (answer.status === 401) location.assign("/enter");
  if (!answer.ok) throw new Error(`${value.what} ${value.fix}`);
  return value;
}

/** Run what a button or form does: it is off meanwhile, and what goes wrong is told, in `where` if given. */
export async function doing(control, deed, where) {
  const off = control ? [control, ...(control.elements ?? [])].filter((one) => "disabled" in one && !one.disabled) : [];
  for (const one of off) one.disabled = true;
  control?.setAttribute("aria-busy", "true");
  if (where) where.textContent = "";
  try {
    return await deed();
  } catch (error) {
    if (where) where.textContent = shown(error.message);
    else tell(error.message, true);
    return undefined;
  } finally {
    for (const one of off) one.disabled = false;
    control?.removeAttribute("aria-busy");
  }
}

let toastEnds;
/** Tell in passing. What went wrong stays longer. */
export function tell(text, bad = false) {
  const toast = byId("toast");
  toast.textContent = shown(text);
  toast.dataset.bad = String(bad);
  toast.hidden = false;
  clearTimeout(toastEnds);
  toastEnds = setTimeout(() => { toast.hidden = true; }, bad ? 15000 : 6000);
}

/** Ask a person. With `typed`, {label, text}, they must type the text; resolves to what was typed, or null. */
export function confirmed({ title, body = [], yes, typed, danger = false }) {
  const dialog = byId("confirm");
  const input = byId("confirm-input");
  byId("confirm-title").textContent = title;
  byId("confirm-body").replaceChildren(...body);
  byId("confirm-yes").textContent = yes;
  byId("confirm-yes").classList.toggle("danger", danger);
  byId("confirm-typed").hidden = !typed;
  dialog.querySelector("label[for=confirm-input]").textContent = typed?.label ?? "";
  input.required = Boolean(typed);
  input.pattern = typed?.text ? typed.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : ".*";
  input.title = typed ? typed.hint ?? `Type ${typed.text}` : "";
  input.value = "";
  dialog.returnValue = "no";
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes" ? input.value.trim() || true : null);
    }, { once: true });
    dialog.showModal();
  });
}

// No submit button: the first one is what Enter presses, and what is typed would be thrown away by it.
byId("confirm-no").addEventListener("click", () => byId("confirm").close("no"));

/** An element with properties, attributes (in `attributes`) and children: elements, or texts, which are never markup. */
export function element(name, properties = {}, ...children) {
  const { attributes = {}, dataset = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null && child !== undefined).map((child) =>
    (child instanceof Node ? child : shown(child))));
  return made;
}

/** A row of a table. A cell is a text, an element, or {text, className}. */
export function row(cells, properties = {}) {
  return element("tr", properties, ...cells.map((cell) => {
    if (cell instanceof HTMLTableCellElement) return cell;
    if (cell instanceof Node || typeof cell !== "object" || cell === null) return element("td", {}, cell ?? "");
    return element("td", { className: cell.className ?? "" }, cell.text);
  }));
}

/** Say in a table's body that there is nothing, across all of its columns. */
export function empty(body, text) {
  const columns = body.parentElement.tHead.rows[0].cells.length;
  body.replaceChildren(element("tr", {}, element("td", { className: "soft", colSpan: columns }, text)));
}

/** The address of an order's trace, by any of its ids. */
export const traceOf = (name) => `/trace?name=${encodeURIComponent(String(name).toWellFormed())}`;
export const clock = (at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false });
export const moment = (at) => new Date(at * 1000).toLocaleString([], { hour12: false, dateStyle: "medium", timeStyle: "medium" });
/** A figure for people: thousands apart, one decimal where there are any. */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) || Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}
/** Seconds for people. */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes >= 2 * 1440) return `${Math.floor(minutes / 1440)} d ${Math.floor(minutes / 60) % 24} h`;
  return minutes < 60 ? `${minutes} min ${String(whole % 60).padStart(2, "0")} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Events of the server: "pipeline" and "job", each with its data in `detail`; the latest is kept. */
class Following extends EventTarget {
  latest = {};

  constructor() {
    super();
    const source = new EventSource("/api/events");
    for (const name of ["pipeline", "job"]) {
      source.addEventListener(name, (event) => this.#heard(name, JSON.parse(event.data)));
    }
    source.addEventListener("error", () => this.#heard("pipeline", {
      state: "gone", what: "The console does not answer.", fix: "Does make console still run? This page goes on when it is back.",
    }));
  }

  /** Call `heard` with the latest of an event, if there is one, and with each that comes. */
  on(name, heard) {
    this.addEventListener(name, (event) => heard(event.detail));
    if (this.latest[name]) heard(this.latest[name]);
  }

  #heard(name, detail) {
    this.latest[name] = detail;
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

export const live = new Following();

/** Ask before the steady state is brought back: it empties both queues. */
export async function backToSteady(button) {
  const sure = await confirmed({
    title: "Back to the steady state?",
    body: [element("p", {}, "Every fault is undone, both queues are emptied for good, circuits are closed, and alarms awaited until they are silent.")],
    yes: "Bring it back", danger: true,
  });
  if (sure) await doing(button, () => act("/api/steady"));
}

live.on("pipeline", (now) => {
  const ready = now.state === "ready";
  document.documentElement.dataset.pipeline = now.state;
  byId("lamp").dataset.state = ready ? "good" : "bad";
  byId("where").textContent = ready ? now.what : "no pipeline";
  const banner = byId("banner");
  if (!ready && byId("banner-what").textContent !== shown(now.what)) {
    byId("banner-what").textContent = shown(now.what);
    byId("banner-fix").textContent = shown(now.fix);
  }
  if (ready) byId("banner-what").textContent = "";
  banner.hidden = ready;
  if (ready) ring(Object.values(now.vitals.alarms).filter((state) => state === "ALARM").length);
});

/** Say beside the page of alarms how many ring. */
function ring(count) {
  const badge = byId("ringing-count");
  badge.hidden = count === 0;
  if (badge.dataset.count === String(count)) return;
  badge.dataset.count = count;
  badge.replaceChildren(element("span", { className: "hidden" }, ", "), String(count), element("span", { className: "hidden" }, " in ALARM"));
}

const ENDED = { succeeded: "good", failed: "bad", cancelled: "soft" };
let closed = Number(sessionStorage.getItem("closed-job") ?? 0);
let shownJob;

live.on("job", (job) => {
  shownJob = job;
  drawJob();
});
setInterval(() => shownJob && !shownJob.ended && drawJob(), 1000);

function drawJob() {
  const job = shownJob;
  const underWay = !job.ended;
  byId("job").hidden = job.number === closed;
  const way = byId("job-way");
  way.hidden = byId("job").hidden || !underWay;
  way.textContent = shown(`${job.title}, ${span(Date.now() / 1000 - job.started)}`);
  byId("job-lamp").dataset.state = underWay ? "busy" : ENDED[job.status];
  byId("job-title").textContent = job.title;
  byId("job-status").textContent = job.status;
  byId("job-time").textContent = span((job.ended ?? Date.now() / 1000) - job.started);
  const told = shown(job.error ? `${job.error.what} ${job.error.fix}` : job.told);
  if (byId("job-told").textContent !== told) byId("job-told").textContent = told;
  byId("job-cancel").hidden = !underWay;
  byId("job-cancel").disabled = job.status === "cancelling";
  byId("job-close").hidden = underWay;
  const report = byId("job-report");
  report.hidden = !job.details.report;
  if (job.details.report) report.href = `/reports/${job.details.report}`;
  const progress = byId("job-progress");
  const operation = job.details.operation;
  progress.hidden = !underWay;
  if (operation) {
    progress.max = Math.max(1, job.details.eligible);
    progress.value = operation.moved;
  } else {
    progress.removeAttribute("value");
  }
}

byId("job-cancel").addEventListener("click", (event) => doing(event.currentTarget, () => act("/api/job/cancel")));
byId("job-close").addEventListener("click", () => {
  closed = shownJob.number;
  sessionStorage.setItem("closed-job", closed);
  drawJob();
});
