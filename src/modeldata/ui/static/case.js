// Case: all rows of one correlation id, by collector, in the order in which they came.

import { ask } from "./api.js";
import { cell, count, field, h, input, number, table, text, tiles, time } from "./dom.js";

const QUIET = ["$CorrelationId", "$RequestId", "$Writer", "$Sequence", "$Row"];

export async function cases(parameters) {
  const id = parameters.get("id") ?? "";
  const submit = (event) => {
    event.preventDefault();
    location.hash = `#/case?${new URLSearchParams([...new FormData(event.currentTarget)].filter(([, value]) => value))}`;
  };
  const form = h("form", { onsubmit: submit }, field("Correlation id", input("id", id, { required: true }), "What the service gave as user_correlation_id"),
    field("Near", input("at", parameters.get("at") ?? "", { placeholder: "2026-11-23" }), "Days near this time are read first"), h("button", { class: "main" }, "Show"));
  if (!id) return [form, h("p", { class: "soft" }, "Give the id that a request was collected with; the Rows page links each.")];
  const found = await ask("case", { id, at: parameters.get("at") || null });
  const rows = found.collectors.reduce((sum, each) => sum + each.rows.length, 0);
  const last = Math.max(...found.collectors.map((each) => each.after_ms), 0);
  return [
    form,
    tiles([["Rows", count(rows), "Rows with this id, 200 of each collector and day at most"], ["Collectors", count(found.collectors.length), "Collectors that have a row of it"],
      ["From first to last", duration(last), "From the first row to the first row of the last collector"]]),
    found.days_left.length ? h("p", { class: "bad" }, `Not all days were searched: ${found.days_left.slice(0, 10).join(", ")}${found.days_left.length > 10 ? " …" : ""}. Give a time near it.`) : null,
    rows ? null : h("p", {}, "No row has this id."),
    h("div", { class: "cards" }, found.collectors.map(part)),
  ].filter(Boolean);
}

const duration = (ms) => (ms >= 60000 ? `${number(ms / 60000)} min` : ms >= 1000 ? `${number(ms / 1000)} s` : `${number(ms)} ms`);

/** Names down, rows across: one row is the usual case. */
function part(each) {
  const wanted = each.columns.map((column, at) => [column, at]).filter(([column]) => !QUIET.includes(column.name));
  const lines = wanted.map(([column, at]) => [text(column.name), ...each.rows.map((row) => (column.name === "$Timestamp" ? time(row[at]) : cell(row[at])))]);
  const columns = [{ name: "column", title: "Its name" }, ...each.rows.map((_, at) => ({ name: `row ${at + 1}`, title: "Its values" }))];
  return h("section", { class: "card", "aria-label": each.name }, h("h2", {}, text(each.name)),
    h("p", { class: "soft", title: "Time since the first row of this id" }, `version ${each.version}, ${each.after_ms ? `${duration(each.after_ms)} after the first` : "the first"}`),
    table(`${each.name} of this id`, columns, lines, { size: 500, kind: "rows" }));
}
