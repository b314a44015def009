// Overview: how many rows came when, by collector and version; hours without any; what was refused; what is missing.

import { ask } from "./api.js";
import { lines } from "./charts.js";
import { bytes, count, h, link, select, field, table, text, tiles, time } from "./dom.js";

const MOST_LINES = 6;
const HOUR = 3600, DAY = 86400;

export async function overview(parameters, signal) {
  const found = await ask("overview");
  document.getElementById("archive").replaceChildren(text(found.archive));
  const drawn = h("div", {}, ...content(found, parameters));
  if (found.collectors.some((each) => each.rows_without_hour)) readHours(drawn, parameters, signal);
  prove(drawn, signal);
  return [drawn];
}

/** Batches that lie across hours: the server reads their times, some days a question. */
async function readHours(drawn, parameters, signal) {
  try {
    for (let before = null; !signal.aborted;) {
      const found = await ask("overview", { hours: 1 });
      const left = found.collectors.reduce((sum, each) => sum + each.rows_without_hour, 0);
      const proof = drawn.querySelector("#proof");
      drawn.replaceChildren(...content(found, parameters));
      if (proof) drawn.querySelector("#proof").replaceWith(proof);
      if (!left || left === before) return;
      before = left;
    }
  } catch (error) { if (!signal.aborted) throw error; }
}

async function prove(drawn, signal) {
  try {
    const found = await ask("proof");
    const missing = found.missing.reduce((sum, gap) => sum + gap.last - gap.first + 1, 0);
    const bad = ["broken", "nothing found"].includes(found.verdict);
    drawn.querySelector("#proof").replaceChildren(tiles([
      ["Audit", h("span", { class: bad ? "bad" : found.verdict === "complete" && "good" }, found.verdict), "What numbers, lines and heads prove; no bytes were read for it"],
      ["Missing", count(missing), "Row numbers that were given and are not in the archive"],
      ["Doubled", count(found.doubled.length), "Stretches of row numbers that are in the archive twice"],
    ]), link("proof", {}, "Each gap and its reason"));
  } catch (error) { if (!signal.aborted) drawn.querySelector("#proof").replaceChildren(h("p", { class: "bad" }, text(error.message))); }
}

function content(found, parameters) {
  const step = parameters.get("by") === "day" ? "day" : "hour";
  const last = Math.max(...found.collectors.map((each) => Date.parse(each.last)).filter(Number.isFinite), 0);
  const refused = Object.entries(summed(found.collectors.map((each) => each.refused)));
  const left = found.collectors.reduce((sum, each) => sum + each.rows_without_hour, 0);
  const by = select("by", [["hour", "hours"], ["day", "days"]], step);
  by.addEventListener("change", () => { location.hash = `#/overview?by=${by.value}`; });
  return [
    tiles([
      ["Rows", count(found.rows), "Rows in the archive, those that were replaced, erased or pruned not counted"],
      ["Collectors", count(found.collectors.length), "Model and identifier, all versions together"],
      ["Size", bytes(found.bytes), "Bytes of the files that these rows are in"],
      ["Newest row", last ? time(new Date(last).toISOString().slice(0, 19)) : "–", "The latest time of any row, UTC"],
      ["Refused", count(refused.reduce((sum, [, rows]) => sum + rows, 0)), "Rows that services refused to take, as far as manifests tell"],
    ]),
    h("section", { id: "proof", "aria-label": "Audit" }, h("p", { class: "soft" }, "Auditing …")),
    h("h2", {}, `Rows by ${step}`),
    h("form", {}, field("Rows by", by)),
    left && step === "hour" ? h("p", { class: "soft" }, `${count(left)} rows lie in batches across several hours; their hours are being read.`) : null,
    chart(found.collectors, step),
    h("h2", {}, "Hours without a row"),
    quiet(found.collectors),
    h("h2", {}, "Collectors"),
    collectors(found.collectors),
    h("h2", {}, "Refused by the service"),
    table("Rows that were never taken, by reason", [{ name: "reason", title: "What stats() calls it" }, { name: "rows", title: "Rows refused for this reason", number: true }],
      refused.map(([reason, rows]) => [text(reason), count(rows)])),
    found.problems.length ? h("div", {}, h("h2", {}, "Problems of manifests"), h("ul", {}, found.problems.slice(0, 100).map((each) => h("li", {}, text(each))))) : null,
  ].filter(Boolean);
}

function summed(counts) {
  const total = {};
  for (const each of counts) for (const [name, rows] of Object.entries(each)) total[name] = (total[name] ?? 0) + rows;
  return total;
}

function chart(collectors, step) {
  const width = step === "day" ? DAY : HOUR;
  const most = [...collectors].sort((a, b) => b.rows - a.rows).slice(0, MOST_LINES);
  const points = most.map((each) => new Map((step === "day" ? each.days.map((day) => [day.day, day.rows]) : each.hours.map((hour) => [hour.hour, hour.rows])).map(([at, rows]) => [Date.parse(at) / 1000, rows])));
  const all = points.flatMap((each) => [...each.keys()]);
  if (!all.length) return h("p", { class: "soft" }, "No rows yet.");
  const [start, end] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  const begin = Math.max(start, end - 20000 * width);
  const times = Array.from({ length: (end - begin) / width + 1 }, (_, at) => begin + at * width);
  const note = collectors.length > MOST_LINES ? h("p", { class: "soft" }, `The ${MOST_LINES} collectors with the most rows; the table below has all.`) : null;
  return h("div", {}, note, lines(`Rows by ${step}`, times, most.map((each, at) => ({ name: each.name, values: times.map((each) => points[at].get(each) ?? 0) })), { step }));
}

function quiet(collectors) {
  const gaps = collectors.flatMap((each) => each.quiet.map((gap) => [each, gap])).sort(([, a], [, b]) => b.hours - a.hours);
  return table("The longest stretches of two hours and more without a row", [
    { name: "collector", title: "Whose rows" }, { name: "from", title: "The first hour without a row, UTC" }, { name: "to", title: "The first hour with rows again, UTC" },
    { name: "hours", title: "Whole hours without a row", number: true },
  ], gaps.map(([each, gap]) => [text(each.name), time(gap.from), time(gap.to), count(gap.hours)]));
}

function collectors(found) {
  const rows = found.flatMap((each) => each.versions.map((version, at) => [
    at ? "" : link("rows", { collector: each.view }, text(each.name)), text(version.version), count(version.rows), bytes(version.bytes), time(version.first), time(version.last),
    at ? "" : count(each.days.length), at ? "" : count(each.files), at ? "" : count(each.columns.length),
  ]));
  return table("Each collector and its versions", [
    { name: "collector", title: "Model and identifier; shows its rows" }, { name: "version", title: "Version of the model" },
    { name: "rows", title: "Rows of this version", number: true }, { name: "size", title: "Bytes of its files", number: true },
    { name: "first", title: "Time of its first row, UTC" }, { name: "last", title: "Time of its last row, UTC" },
    { name: "days", title: "Days with rows, all versions", number: true }, { name: "files", title: "Data files, all versions", number: true },
    { name: "columns", title: "Features, all versions", number: true },
  ], rows);
}
