// The flight recorder: every order of a run as a dot, wherever it was at the moment that the slider shows.
"use strict";
(() => {
  const root = document.getElementById("flight");
  const data = JSON.parse(document.getElementById("flight-data").textContent);
  const part = (name) => root.querySelector(`[data-flight="${name}"]`);
  const [canvas, slider, clock, play, speed, search, told, steps, found] =
    ["canvas", "time", "clock", "play", "speed", "search", "told", "steps", "found"].map(part);
  const MOVE = 350; // a dot's way between stations, in milliseconds of the page, at normal speed
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const orders = data.orders.map(([id, way], index) => ({ id, way, index }));
  const byId = new Map(orders.map((order) => [order.id, order]));
  const probe = root.appendChild(Object.assign(document.createElement("i"), { hidden: true }));
  let now = 0;
  let playing = false;
  let before = 0;
  let chosen = null;
  let boxes = [];

  slider.max = data.end;
  found.append(...orders.slice(0, 2000).map(({ id }) => Object.assign(document.createElement("option"), { value: id })));

  const seconds = (ms) => `${(ms / 1000).toFixed(ms < 100000 ? 1 : 0)} s`;
  const stepAt = (order, at) => {
    let last = -1;
    while (last + 1 < order.way.length && order.way[last + 1][0] <= at) last += 1;
    return last;
  };

  let palette = {};
  /** The theme's colours as a canvas knows them. */
  function theme() {
    for (const name of ["ink", "soft", "line", "queue", "worker", "table", "dlq", "gone"]) {
      probe.style.color = `var(--f-${name})`;
      palette[name] = getComputedStyle(probe).color;
    }
    palette.stations = ["soft", "queue", "worker", "table", "dlq", "gone"].map((name) => palette[name]);
  }

  function layout() {
    const wide = root.clientWidth > 640;
    const ratio = devicePixelRatio || 1;
    const width = root.clientWidth;
    const [columns, rows] = wide ? [6, 1] : [2, 3];
    const [gap, head] = [14, 40];
    const boxWidth = (width - gap * (columns - 1)) / columns;
    const boxHeight = wide ? Math.max(150, Math.min(320, boxWidth * 1.4)) : 120;
    const height = rows * (boxHeight + head) + (rows - 1) * 10;
    canvas.style.height = `${height}px`;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    boxes = data.stations.map((_, station) => {
      const [column, line] = wide ? [station, 0] : [station % 2, Math.floor(station / 2)];
      return { x: column * (boxWidth + gap), y: line * (boxHeight + head + 10) + head, width: boxWidth, height: boxHeight };
    });
  }

  /** Where an order's dot is in a station: its own cell, the same in each. */
  function cell(order, station) {
    const box = boxes[station];
    const across = Math.max(1, Math.ceil(Math.sqrt((orders.length * box.width) / box.height)));
    const down = Math.ceil(orders.length / across);
    const [w, h] = [(box.width - 12) / across, (box.height - 12) / down];
    return { x: box.x + 6 + ((order.index % across) + 0.5) * w, y: box.y + 6 + (Math.floor(order.index / across) + 0.5) * h, r: Math.max(1.5, Math.min(6, Math.min(w, h) * 0.38)) };
  }

  function place(order) {
    const last = stepAt(order, now);
    if (last < 0) return null;
    const [at, station] = order.way[last];
    const there = cell(order, station);
    const span = still ? 0 : Math.min(MOVE * rate(), last + 1 < order.way.length ? order.way[last + 1][0] - at : Infinity);
    const gone = span > 0 ? Math.min(1, (now - at) / span) : 1;
    if (last === 0 || gone === 1) return { ...there, station };
    const from = cell(order, order.way[last - 1][1]);
    const eased = gone * (2 - gone);
    return { x: from.x + (there.x - from.x) * eased, y: from.y + (there.y - from.y) * eased, r: there.r, station };
  }

  const rate = () => Number(speed.value);

  function draw() {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const counts = data.stations.map(() => 0);
    const dots = orders.map((order) => ({ order, dot: place(order) })).filter(({ dot }) => dot);
    for (const { dot } of dots) counts[dot.station] += 1;
    boxes.forEach((box, station) => {
      pen.strokeStyle = palette.line;
      pen.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
      pen.fillStyle = palette.ink;
      pen.font = "600 14px system-ui, sans-serif";
      pen.fillText(data.stations[station], box.x, box.y - 22);
      pen.font = "13px system-ui, sans-serif";
      pen.fillStyle = palette.soft;
      pen.fillText(String(counts[station]), box.x, box.y - 6);
    });
    for (const { order, dot } of dots) {
      pen.fillStyle = palette.stations[dot.station];
      pen.beginPath();
      if (dot.station === 4) pen.rect(dot.x - dot.r, dot.y - dot.r, 2 * dot.r, 2 * dot.r);
      else pen.arc(dot.x, dot.y, dot.r, 0, 2 * Math.PI);
      pen.fill();
      if (order === chosen) {
        pen.strokeStyle = palette.ink;
        pen.lineWidth = 2.5;
        pen.beginPath();
        pen.arc(dot.x, dot.y, dot.r + 5, 0, 2 * Math.PI);
        pen.stroke();
        pen.lineWidth = 1;
      }
    }
    slider.value = now;
    clock.textContent = `${seconds(now)} of ${seconds(data.end)}`;
    const inForce = [...data.faults, ...data.alarms.map(([name, ...of]) => [`${name} in ALARM`, ...of])]
      .filter(([, start, end]) => start <= now && now < end).map(([name]) => name);
    slider.setAttribute("aria-valuetext", `${clock.textContent}; ${data.stations.map((name, at) => `${name} ${counts[at]}`).join(", ")}`);
    const line = [...new Set(inForce)].join(" · ") || "no fault, no alarm";
    if (part("force").textContent !== line) part("force").textContent = line;
    for (const button of steps.querySelectorAll("button")) {
      button.setAttribute("aria-current", String(chosen !== null && Number(button.dataset.step) === stepAt(chosen, now)));
    }
  }

  function show(at) {
    now = Math.max(0, Math.min(data.end, at));
    draw();
  }

  function choose(order, jump) {
    chosen = order;
    told.textContent = `${order.id}: ${order.way.length} steps, at last ${data.stations[order.way.at(-1)[1]]}`;
    if (root.dataset.trace) {
      part("trace").href = root.dataset.trace + encodeURIComponent(order.id);
      part("trace").hidden = false;
    }
    steps.replaceChildren(...order.way.map(([at, station, text], number) => {
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: `${seconds(at)}  ${data.stations[station]}: ${text}` });
      button.dataset.step = number;
      button.addEventListener("click", () => {
        halt();
        show(at + MOVE);
      });
      item.append(button);
      return item;
    }));
    if (jump) {
      halt();
      show(order.way[0][0] + MOVE);
    } else {
      draw();
    }
  }

  function halt() {
    playing = false;
    play.textContent = "Play";
  }

  function tick(time) {
    if (!playing) return;
    show(now + (time - before) * rate());
    before = time;
    if (now >= data.end) halt();
    else requestAnimationFrame(tick);
  }

  play.addEventListener("click", () => {
    if (playing) {
      halt();
      return;
    }
    if (now >= data.end) now = 0;
    playing = true;
    play.textContent = "Pause";
    before = performance.now();
    requestAnimationFrame(tick);
  });
  slider.addEventListener("input", () => {
    halt();
    show(Number(slider.value));
  });
  function find() {
    const wanted = search.value.trim();
    const order = byId.get(wanted) ?? (wanted && orders.find(({ id }) => id.includes(wanted)));
    if (order) choose(order, true);
    else told.textContent = wanted ? `no order of this run is called ${wanted}` : "";
  }
  part("find").addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("change", find);
  canvas.addEventListener("click", (event) => {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const near = orders.map((order) => ({ order, dot: place(order) })).filter(({ dot }) => dot)
      .map(({ order, dot }) => ({ order, away: Math.hypot(dot.x - x, dot.y - y) })).sort((a, b) => a.away - b.away)[0];
    if (near && near.away < 14) choose(near.order, false);
  });

  /** Stretches of time as bands above the slider. */
  function bands(name, stretches) {
    part(name).replaceChildren(...stretches.map(([text, start, end]) => {
      const band = document.createElement("i");
      band.title = `${text}, ${seconds(Math.max(0, start))} to ${seconds(end)}`;
      band.style.left = `${(100 * Math.max(0, start)) / data.end}%`;
      band.style.width = `${Math.max(0.4, (100 * (Math.min(end, data.end) - Math.max(0, start))) / data.end)}%`;
      return band;
    }));
  }
  bands("faults", data.faults);
  bands("alarms", data.alarms);
  part("controls").hidden = false;
  new ResizeObserver(() => {
    layout();
    draw();
  }).observe(root);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    theme();
    draw();
  });
  /** The order that the address names: a report's orders link to theirs. */
  function named() {
    search.value = new URLSearchParams(location.hash.slice(1)).get("order") ?? "";
    if (search.value) find();
  }
  addEventListener("hashchange", named);
  theme();
  layout();
  show(data.end);
  named();
})();
