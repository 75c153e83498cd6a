// Draws the charts below the table of Locust's tab "Pipeline", beside the element that React owns.

import { Charts, PIPELINE, follow } from "./charts.js";
import { LOAD, Verdict } from "./load.js";

const LOOK_EVERY = 250;

// Locust's page is as high as the window, so that what stands below would begin beyond it; and while a run goes on its
// head is wider than a window of 1,280 pixels.
const style = document.createElement("style");
style.textContent = `
  html:is([data-tab=pipeline], [data-tab=start]) #root > * { min-height: 0 !important; }
  header * { min-width: 0 !important; }
`;
document.head.append(style);

const section = document.createElement("section");
section.id = "pipeline";
section.style.padding = "0 24px 24px";
section.hidden = true;
const verdict = document.createElement("div");
verdict.className = "charts";
const drawn = document.createElement("div");
section.append(verdict, drawn);
document.body.append(section);

const opened = new Set();
const shapes = document.getElementById("shapes");
shapes.style.padding = "0 24px 24px";
const judged = new Verdict(verdict);
const charts = new Charts(drawn, { charts: [...LOAD, ...PIPELINE] });
follow(charts, new URL("vitals.json", import.meta.url), 2000, (told) => judged.show(told));

// Locust keeps the chosen tab in the address, and its theme in the ground's colour; neither tells when it changes.
setInterval(() => {
  const tabs = document.querySelector("[role=tablist]") !== null; // else the form that starts a run
  shapes.hidden = tabs;
  const hidden = !tabs || new URL(location.href).searchParams.get("tab") !== "pipeline";
  const [red, green, blue] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
  const theme = red + green + blue < 384 ? "dark" : "light";
  if (document.documentElement.dataset.theme !== theme) document.documentElement.dataset.theme = theme;
  if (!tabs) open("Custom parameters");
  document.documentElement.dataset.tab = tabs ? (hidden ? "" : "pipeline") : "start";
  if (section.hidden !== hidden) {
    section.hidden = hidden;
    charts.draw();
  }
}, LOOK_EVERY);

/** Unfold a part of the form once, where the shape is chosen. */
function open(name) {
  const fold = [...document.querySelectorAll("button[aria-expanded=false]")].find((one) => one.textContent === name);
  if (fold && !opened.has(name)) {
    opened.add(name);
    fold.click();
  }
}
