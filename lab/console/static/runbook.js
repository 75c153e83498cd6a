// The runbook of settings: its commands can be run from the page.

import { act, doing, element } from "/static/console.js";
import { shown } from "/static/web/text.js";

// The first block makes the shell that each of the others has.
for (const [place, code] of [...document.querySelectorAll(".prose code.language-sh")].entries()) {
  if (place) code.parentElement.after(runner(place, code.textContent));
}

function runner(place, command) {
  const printed = element("pre", { hidden: true, tabIndex: 0, attributes: { role: "status" } });
  const button = element("button", { type: "button" }, "Run it", element("span", { className: "hidden" }, `: ${command.trim()}`));
  button.addEventListener("click", async () => {
    const done = await doing(button, () => act("/api/runbooks/run", { place }));
    if (!done) return;
    printed.hidden = false;
    printed.textContent = shown(done.printed.trim() || (done.code ? `exit code ${done.code}` : "done; it printed nothing"));
  });
  return element("div", { className: "runner" }, element("p", { className: "buttons" }, button), printed);
}
