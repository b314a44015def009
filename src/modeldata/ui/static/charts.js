// Charts: lines over time by uPlot, loaded when the first is looked at; bars as SVG. Each stands beside its table.

import { count, h, number, plain, table, time } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
let library = null;

function uplot() {
  library ??= new Promise((resolve, reject) => {
    document.head.append(h("script", { src: "static/uPlot.iife.min.js", onload: () => resolve(window.uPlot), onerror: () => reject(new Error("uPlot is missing")) }));
  });
  return library;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** series: {name, values}; times: seconds since 1970. Arrow keys move over the points. */
export function lines(title, times, series, { unit = "rows", step = "hour" } = {}) {
  const total = (each) => count(each.values.reduce((sum, value) => sum + (value ?? 0), 0));
  const label = `${title}: ${series.map((each) => `${each.name}, ${total(each)} ${unit} in all`).join("; ")}. Arrow keys read the points; a table follows.`;
  const spoken = h("p", { class: "hidden", role: "status" });
  const place = h("div", { class: "chart", tabindex: "0", role: "group", "aria-label": label });
  let plot = null;
  let at = times.length - 1;
  const draw = async () => {
    const Plot = await uplot();
    if (!place.isConnected) return;
    plot?.destroy();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    const colours = [colour("--one"), colour("--two"), colour("--good"), colour("--bad"), colour("--soft"), colour("--front")];
    plot = new Plot({
      width: Math.max(240, place.clientWidth - 16), height: 240, tzDate: (seconds) => Plot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [{ ...axis, values: (_, splits) => splits.map(tick) }, { ...axis, size: 64 }], scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.05)] } },
      series: [
        { value: (_, value) => (value === null ? "" : moment(value)) },
        ...series.map((each, index) => ({ label: plain(each.name), stroke: colours[index % colours.length], width: 2, dash: index % 2 ? [8, 4] : [], points: { show: times.length < 60 } })),
      ],
    }, [times, ...series.map((each) => each.values)], place);
  };
  const moment = (seconds) => time(new Date(seconds * 1000).toISOString().slice(0, step === "hour" ? 16 : 10));
  const tick = (seconds) => { const iso = new Date(seconds * 1000).toISOString(); return seconds % 86400 ? iso.slice(11, 16) : iso.slice(5, 10); };
  place.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, Home: -times.length, End: times.length }[event.key];
    if (!move || !plot) return;
    event.preventDefault();
    at = Math.min(Math.max(at + move, 0), times.length - 1);
    plot.setCursor({ left: plot.valToPos(times[at], "x"), top: 10 });
    spoken.textContent = plain(`${moment(times[at])}: ${series.map((each) => `${each.name} ${count(each.values[at] ?? 0)}`).join(", ")}`);
  });
  whenSeen(place, draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && draw());
  const columns = [{ name: `${step} (UTC)`, title: `The ${step} that rows lie in, by their own time` }, ...series.map((each) => ({ name: each.name, title: `${unit} of ${each.name} in this ${step}`, number: true }))];
  const rows = times.map((seconds, index) => [moment(seconds), ...series.map((each) => count(each.values[index] ?? 0))]).reverse();
  return h("div", {}, place, spoken, h("details", {}, h("summary", {}, `${title} as a table`), table(title, columns, rows)));
}

/** Draws when it comes into view: a page of many charts costs what is looked at. */
function whenSeen(place, draw) {
  const watcher = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) {
      watcher.disconnect();
      draw();
    }
  });
  watcher.observe(place);
}

function shape(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** One or two sets of bars side by side, each as a share of its own sum. labels: of the bars. sets: {name, rows}. */
export function bars(title, labels, sets, { open = false } = {}) {
  const sums = sets.map((set) => set.rows.reduce((sum, value) => sum + value, 0));
  const shares = sets.map((set, at) => set.rows.map((value) => (sums[at] ? value / sums[at] : 0)));
  const most = Math.max(...shares.flat(), 1e-9);
  const width = 400, height = 100, step = width / labels.length, wide = (step * 0.9) / sets.length;
  const marks = shares.flatMap((set, at) => set.map((share, bar) => shape("rect", {
    x: (bar * step + at * wide + step * 0.05).toFixed(2), width: Math.max(wide, 0.5).toFixed(2), class: at ? "last" : "first",
    y: (height - (share / most) * height).toFixed(2), height: ((share / most) * height).toFixed(2),
  })));
  const peak = labels[shares[0].indexOf(Math.max(...shares[0]))];
  const said = `${title}: ${labels.length} bars, the highest at ${peak}`;
  const drawn = shape("svg", { viewBox: `0 0 ${width} ${height + 1}`, preserveAspectRatio: "none", class: "bars", role: "img", "aria-label": plain(said) }, ...marks,
    shape("line", { x1: 0, x2: width, y1: height + 0.5, y2: height + 0.5, class: "axis" }));
  const columns = [{ name: "part", title: "Which values are counted" }, ...sets.flatMap((set) => [
    { name: set.name, title: `Rows of ${set.name} with these values`, number: true }, { name: "share", title: `Of all rows of ${set.name} that are counted here`, number: true }])];
  const rows = labels.map((label, bar) => [label, ...sets.flatMap((set, at) => [count(set.rows[bar]), `${(100 * shares[at][bar]).toFixed(1)} %`])]);
  const keys = sets.length < 2 ? null : h("p", { class: "soft" }, sets.map((set, at) => [h("span", { class: at ? "key second" : "key" }), set.name]));
  return h("div", {}, keys, drawn, h("details", { open }, h("summary", {}, "as a table"), table(title, columns, rows)));
}

/** The names of the parts of a histogram as the API gives it: below, equal parts, above. */
export function parts({ low, high, parts: many }) {
  const edge = (at) => typeof low === "number" ? number(low + ((high - low) * at) / many) : time(new Date(Date.parse(low) + ((Date.parse(high) - Date.parse(low)) * at) / many).toISOString());
  return [`below ${edge(0)}`, ...Array.from({ length: many }, (_, at) => `${edge(at)} to ${edge(at + 1)}`), `above ${edge(many)}`];
}
