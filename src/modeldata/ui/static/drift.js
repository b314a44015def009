// Drift: how far each day lies from the reference, column by column; and bin by bin for the day that is chosen.

import { ask } from "./api.js";
import { bars } from "./charts.js";
import { chosen, form } from "./collector.js";
import { count, field, h, input, say, select, text } from "./dom.js";

const DAYS = 60;

export async function drift(parameters, signal) {
  const { overview, collector } = await chosen(parameters);
  const names = ["version", "reference_start", "reference_end", "start", "end"];
  const asked = { collector: collector.view, ...Object.fromEntries(names.map((name) => [name, parameters.get(name)])) };
  const against = parameters.get("against") ?? "reference";
  const body = h("div", {}, h("p", { class: "soft" }, "Counting days …"));
  fill(body, asked, against, signal);
  return [
    form("drift", collector, overview, [
      field("Compare with", select("against", [["reference", "the reference"], ["before", "the day before"]], against), "What each day is compared with"),
      field("Reference from", input("reference_start", parameters.get("reference_start") ?? "", { type: "date" }), "First day of the reference; without, the first seven days with rows"),
      field("Reference to", input("reference_end", parameters.get("reference_end") ?? "", { type: "date" }), "Last day of the reference"),
    ], parameters),
    body,
  ];
}

async function fill(body, asked, against, signal) {
  try {
    for (let left = Infinity; left && !signal.aborted;) {
      const found = await ask("drift", asked);
      body.replaceChildren(...content(found, against));
      if (found.days_left >= left) break;
      left = found.days_left;
    }
  } catch (error) { if (!signal.aborted) body.replaceChildren(h("p", { class: "bad" }, text(error.message))); }
}

function content(found, against) {
  const basis = found.reference;
  const days = `${basis.days[0]} to ${basis.days.at(-1)} (${basis.days.length} days, ${basis.chosen ? "as chosen" : "the first with rows"})`;
  const how = basis.sampled ? `bins from a sample of ${count(basis.sample_rows)} of their ${count(basis.rows)} rows, counts of all rows` : `all of their ${count(basis.rows)} rows`;
  const detail = h("section", { "aria-live": "polite", "aria-label": "One day in detail" });
  return [
    h("p", {}, `Reference: ${days}, ${how}.${against === "before" ? " Shown is each day against the day before, in the bins of the reference." : ""}`),
    h("p", { class: "soft" }, `The number is the population stability index: 0 is the same distribution, from ${found.thresholds.moved} on a day moved, from ${found.thresholds.shifted} on it shifted. `
      + "“few” marks days with so few rows that chance alone gives such an index. A column that the reference does not have is compared with its own first day."),
    found.days_left ? h("p", { class: "soft" }, `${count(found.days_left)} more days are being counted.`) : null,
    heat(found, against, detail), detail,
  ].filter(Boolean);
}

function heat(found, against, detail) {
  const days = found.days.slice(-DAYS);
  const caption = `Population stability index by column and day, against ${against === "before" ? "the day before" : "the reference"}${days.length < found.days.length ? `; the last ${DAYS} days` : ""}`;
  const head = h("tr", {}, h("th", { scope: "col" }, "column"), days.map((day) => h("th", { scope: "col", class: "number", title: `${count(day.rows)} rows on this day` }, day.day.slice(5))));
  const body = found.columns.map((column) => h("tr", {}, h("th", { scope: "row" }, text(column.name)),
    column.days.slice(-DAYS).map((day) => cell(column, day, found, against, detail))));
  return h("div", { class: "scroll heat", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, head), h("tbody", {}, body)));
}

function cell(column, day, found, against, detail) {
  const index = against === "before" ? day.day_before : day.psi;
  const level = against === "before" ? plainly(index, found.thresholds) : day.level;
  const shown = index === null ? "–" : `${index.toFixed(2)}${level === "few rows" ? " few" : ""}`;
  const title = `${column.name}, ${day.day}: ${index === null ? "nothing to compare" : `index ${index.toFixed(3)}, ${level}`}`;
  return h("td", { class: level.replace(" ", "-") }, h("button", { type: "button", title, onclick: () => explain(column, day, found, detail) }, shown, h("span", { class: "hidden" }, `, ${title}`)));
}

function plainly(index, { moved, shifted }) {
  return index === null ? "no rows" : index >= shifted ? "shifted" : index >= moved ? "moved" : "steady";
}

/** Only bins that any row is in. */
function explain(column, day, found, detail) {
  const used = column.bins.map((_, at) => at).filter((at) => column.reference_rows[at] || day.rows[at]);
  detail.replaceChildren(
    h("h2", {}, text(`${column.name} on ${day.day}`)),
    h("p", {}, day.psi === null ? "There is nothing to compare." : `Index ${day.psi.toFixed(3)} against the reference (by chance alone about ${day.by_chance.toFixed(3)})`
      + `${day.day_before === null ? "" : `, ${day.day_before.toFixed(3)} against the day before`}. Reference: ${column.reference.join(", ")}.`),
    bars(`${column.name}, reference and ${day.day}`, used.map((at) => shorter(column.bins[at])), [
      { name: "reference", rows: used.map((at) => column.reference_rows[at]) }, { name: day.day, rows: used.map((at) => day.rows[at] ?? 0) }], { open: true }));
  say(`${column.name} on ${day.day}`);
}

const shorter = (value) => (value.length > 40 ? `${value.slice(0, 40)}…` : value);
