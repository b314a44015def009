// Columns: what each column holds, and the first days beside the last.

import { ask } from "./api.js";
import { bars, parts } from "./charts.js";
import { chosen, form } from "./collector.js";
import { count, field, h, input, number, percent, table, text, time } from "./dom.js";

const AT_ONCE = 24;

export async function columns(parameters, signal) {
  const { overview, collector } = await chosen(parameters);
  const body = h("div", {}, h("p", { class: "soft" }, "Counting days …"));
  const asked = { collector: collector.view, version: parameters.get("version"), start: parameters.get("start"), end: parameters.get("end") };
  fill(body, asked, signal);
  return [
    form("columns", collector, overview, [
      field("From day", input("start", parameters.get("start") ?? "", { type: "date" }), "The first day that is counted"),
      field("To day", input("end", parameters.get("end") ?? "", { type: "date" }), "The last day that is counted"),
    ], parameters),
    body,
  ];
}

async function fill(body, asked, signal) {
  try {
    for (let left = Infinity; left && !signal.aborted;) {
      const found = await ask("columns", asked);
      body.replaceChildren(...content(found));
      if (found.days_left >= left) break;
      left = found.days_left;
    }
  } catch (error) { if (!signal.aborted) body.replaceChildren(h("p", { class: "bad" }, text(error.message))); }
}

function content(found) {
  const cards = h("div", { class: "cards" });
  let shown = 0;
  const more = h("button", { type: "button", onclick: add }, "More columns");
  function add() {
    cards.append(...found.columns.slice(shown, shown + AT_ONCE).map((column) => card(column, found)));
    shown += AT_ONCE;
    more.hidden = shown >= found.columns.length;
  }
  add();
  return [
    h("p", { title: "Rows of the days that were counted" }, `${count(found.rows)} rows of ${found.versions.length > 1 ? "versions" : "version"} ${found.versions.join(", ")}, all of them counted.`),
    found.days_left ? h("p", { class: "soft" }, `${count(found.days_left)} more days are being counted.`) : null,
    found.rows_not_read ? h("p", { class: "bad" }, `${count(found.rows_not_read)} rows could not be read, or are not of these types.`) : null,
    summary(found), h("h2", {}, "Distributions"), cards, more,
  ].filter(Boolean);
}

function summary(found) {
  return table("All columns", [
    { name: "column", title: "The feature" }, { name: "type", title: "As it was archived" }, { name: "rows", title: "Rows that have this column", number: true },
    { name: "null", title: "Rows without a value", number: true }, { name: "low", title: "The lowest finite value", number: true },
    { name: "mean", title: "The mean of the finite values", number: true }, { name: "high", title: "The highest finite value", number: true },
  ], found.columns.map((each) => [text(each.name), text(each.type), count(each.rows), percent(each.nulls, each.rows), end(each.low), end(each.mean), end(each.high)]));
}

const end = (value) => (typeof value === "string" ? time(value) : number(value));

function card(column, found) {
  const days = (list) => (list.length > 1 ? `${list[0]} to ${list.at(-1)}` : list[0]);
  const sets = found.last.length ? [{ name: days(found.first), from: column.first }, { name: days(found.last), from: column.last }] : [{ name: days(found.first) ?? "all days", from: column }];
  return h("section", { class: "card", "aria-label": column.name }, h("h3", {}, text(column.name)),
    h("dl", {}, h("dt", {}, "type"), h("dd", { title: "As it was archived" }, text(column.type)),
      sets.flatMap((set) => [h("dt", {}, `null, ${set.name}`), h("dd", { title: "Share of rows without a value" }, percent(set.from.nulls, set.from.rows))])),
    drawn(column, sets));
}

function drawn(column, sets) {
  const title = `Distribution of ${column.name}`;
  if (column.bars) {
    const empty = Array(column.bars.parts + 2).fill(0);
    const rows = ({ bars: found }) => (found ? [found.below, ...found.rows, found.above] : empty);
    return bars(title, parts(column.bars), sets.map((set) => ({ name: set.name, rows: rows(set.from) })));
  }
  if (column.values) {
    const values = column.values.map((each) => each.value);
    const rows = ({ values: found }) => values.map((value) => (found ?? []).find((each) => each.value === value)?.rows ?? 0);
    return bars(title, values.map((value) => (value === null ? "other values" : shorter(value))), sets.map((set) => ({ name: set.name, rows: rows(set.from) })));
  }
  return h("p", { class: "soft" }, column.kind === "near-unique" ? "Nearly each row has a value of its own: none is shown." : "Values of this type are only counted.");
}

const shorter = (value) => (value.length > 40 ? `${value.slice(0, 40)}…` : value);
