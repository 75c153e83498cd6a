// Draws the charts below the table of Locust's tab "Pipeline", beside the element that React owns.

import { Charts, PIPELINE, follow } from "./charts.js";
import { LOAD, Verdict } from "./load.js";

const LOOK_EVERY = 250;

// Locust's page is as high as the window, so that the charts would begin below it.
const style = document.createElement("style");
style.textContent = "html[data-tab=pipeline] #root > * { min-height: 0 !important; }";
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
  if (section.hidden !== hidden) {
    section.hidden = hidden;
    document.documentElement.dataset.tab = hidden ? "" : "pipeline";
    charts.draw();
  }
}, LOOK_EVERY);
