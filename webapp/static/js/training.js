// Live training: htmx loads the figures and samples; this draws the loss curve and announces progress.

import { call } from "./api.js";
import { follow } from "./event-stream.js";

const section = document.querySelector("[data-events]");
const piece = document.getElementById("training");
const spoken = document.getElementById("spoken");
const place = document.getElementById("loss");
const title = document.title.replace(/^\d+ % · /, "");
const HEIGHT = 256;
const FONT = "13px system-ui, sans-serif";
let chart = null;
let tenth = 0;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options() {
  const axis = {
    stroke: colour("--faint"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    labelSize: 20,
    labelFont: FONT,
  };
  return {
    width: place.clientWidth,
    height: HEIGHT,
    scales: { x: { time: false } },
    axes: [{ ...axis, label: place.dataset.stepAxis, size: 32 }, { ...axis, label: place.dataset.lossAxis, size: 56 }],
    cursor: { show: false },
    legend: { live: false },
    series: [
      { label: place.dataset.stepName },
      { label: place.dataset.lossName, stroke: colour("--faint"), width: 1.5, points: { show: false } },
      { label: place.dataset.heldOutName, stroke: colour("--accent"), width: 2, spanGaps: true, points: { size: 6 } },
    ],
  };
}

function draw(rebuild = false) {
  const points = JSON.parse(piece.querySelector(".gauge").dataset.losses);
  place.parentElement.hidden = points.length < 2;
  if (points.length < 2) return;
  const data = [0, 1, 2].map((column) => points.map((point) => point[column]));
  if (chart && !rebuild) return chart.setData(data);
  chart?.destroy();
  chart = new window.uPlot(options(), data, place);
}

function tell() {
  const { percent } = piece.querySelector(".gauge").dataset;
  document.title = Number(percent) ? `${percent} % · ${title}` : title;
  const now = Math.floor(percent / 10);
  if (now > tenth) spoken.textContent = spoken.dataset.text.replace("{percent}", String(now * 10));
  tenth = Math.max(tenth, now);
}

if (piece) {
  const path = section.dataset.events.replace(/\/events$/, "");
  draw();
  tell();
  piece.addEventListener("htmx:afterSwap", () => { draw(); tell(); });
  document.addEventListener("themechange", () => draw(true));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(true));
  addEventListener("resize", () => chart?.setSize({ width: place.clientWidth, height: HEIGHT }));
  follow(section.dataset.events, () => call("GET", path), () => window.htmx.trigger(piece, "refresh"));
}
