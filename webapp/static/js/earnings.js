// Bar chart of the earnings per month. The table below has the same figures.

const place = document.getElementById("earnings");
const [names, amounts] = JSON.parse(place?.dataset.months ?? "[[],[]]");
let chart = null;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function options() {
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  // On a phone only every second label fits.
  const every = Math.ceil((names.length * 44) / place.clientWidth);
  return {
    width: place.clientWidth,
    height: 224,
    padding: [12, 16, 0, 0],
    scales: { x: { time: false, range: [-0.6, names.length - 0.4] }, y: { range: (_chart, low, high) => window.uPlot.rangeNum(Math.min(0, low), Math.max(5, high), 0.1, true) } },
    axes: [
      { ...axis, grid: { show: false }, splits: () => names.map((_name, at) => at), values: (_chart, at) => at.map((each) => ((names.length - 1 - each) % every ? "" : names[each])) },
      { ...axis, size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6] },
    ],
    cursor: { show: false },
    legend: { show: false },
    series: [
      {},
      { label: place.dataset.name, fill: colour("--accent"), width: 0, paths: window.uPlot.paths.bars({ size: [0.5, 48] }), points: { show: false } },
    ],
  };
}

function draw() {
  chart?.destroy();
  chart = new window.uPlot(options(), [names.map((_name, at) => at), amounts], place);
}

if (place) {
  draw();
  document.addEventListener("themechange", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("resize", draw);
}
