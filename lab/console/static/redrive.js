// A redrive's plan: shown, confirmed by what is typed, begun.

import { act, confirmed, doing, element, tell } from "/static/console.js";

export const CONFIRMED = 8;

/** Names and values as the parts of a description list; what is not known is left out. */
export const pairs = (told) => Object.entries(told).filter(([, value]) => value !== undefined && value !== null)
  .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));

/** Show what a plan, in the API's names, would move and would come to, and redrive it if somebody confirms that. */
export async function planned(control, wanted) {
  const plan = await doing(control, () => act("/api/dlq/plan", { plan: wanted }));
  if (!plan) return;
  const { preview } = plan;
  const causes = Object.entries(preview.matching.byErrorType).map(([cause, count]) => `${count} ${cause}`).join(", ");
  const typed = await confirmed({
    title: `Move ${preview.eligible} messages?`,
    body: [element("dl", { className: "known" }, ...pairs({
      "match the filters": `${preview.matching.total} of ${preview.sampled} seen${preview.complete ? "" : "; the queue holds more"}`,
      causes: causes || "none",
      "dry run": element("span", {}, element("strong", {}, plan.dryRun.summary), ...plan.dryRun.details.map((line) => element("span", { className: "line" }, line))),
      ...Object.fromEntries(Object.entries(plan.plan).map(([name, value]) => [name, String(value)])),
      digest: plan.digest,
    }))],
    typed: { label: `Type the first ${CONFIRMED} characters of the plan's digest: ${plan.confirmation}`, text: plan.confirmation },
    yes: "Redrive",
  });
  if (!typed) return;
  await doing(control, async () => {
    await act("/api/dlq/redrive", { plan: plan.plan, digest: plan.digest, confirmation: typed, eligible: preview.eligible });
    tell("The redrive has begun.");
  });
}
