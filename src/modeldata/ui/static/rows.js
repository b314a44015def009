// Rows: the newest first, those that fit some conditions, and those that arrive while one looks.

import { ask } from "./api.js";
import { chosen, form } from "./collector.js";
import { cell, count, field, h, input, link, say, select, table, text, time } from "./dom.js";

const OPERATIONS = ["=", "!=", "<", "<=", ">", ">=", "contains", "is null", "is not null"];
const QUIET = ["$RequestId", "$Writer", "$Sequence", "$Row"];
const WAIT = 500;

export async function rows(parameters, signal) {
  const { overview, collector } = await chosen(parameters);
  const body = h("div");
  const conditions = [...parameters.getAll("column").keys()].map((at) => ["column", "op", "value"].map((name) => parameters.getAll(name)[at] ?? ""));
  const usable = conditions.filter(([column]) => column);
  const asked = {
    collector: collector.view, version: parameters.get("version"), start: parameters.get("start"), end: parameters.get("end"), rows: 50,
    column: usable.map((each) => each[0]), op: usable.map((each) => each[1] || "="), value: usable.map((each) => each[2]),
  };
  const state = { shown: [], seen: new Set(), next: null };
  const follow = h("input", { type: "checkbox", id: "follow", onchange: () => follow.checked && live(body, asked, state, follow, signal) });
  const names = ["", "$CorrelationId", "$Timestamp", ...collector.columns];
  const [column, op, value] = usable[0] ?? ["", "=", ""];
  const first = await ask("rows", asked);
  take(state, first);
  draw(body, asked, state, first);
  return [
    form("rows", collector, overview, [
      field("Column", select("column", names.map((name) => [name, name || "any"]), column), "Which column is compared"),
      field("Is", select("op", OPERATIONS.map((each) => [each, each]), op), "How it is compared"),
      field("Value", input("value", value), "As the column's type has it; times as 2026-11-23T12:00"),
      field("From", input("start", parameters.get("start") ?? "", { placeholder: "2026-11-23T12:00" }), "Rows at or after this time, UTC"),
      field("Before", input("end", parameters.get("end") ?? "", { placeholder: "2026-11-24" }), "Rows before this time, UTC"),
      h("label", { class: "check", title: "Looks for new rows twice a second" }, follow, "Follow"),
    ], parameters),
    body,
  ];
}

const key = (row, at) => `${row[at.get("$Writer")]} ${row[at.get("$Sequence")]} ${row[at.get("$Row")]} ${row[at.get("$Timestamp")]}`;

/** Adds rows that were not there yet; says which. */
function take(state, found, onTop = false) {
  const at = new Map(found.columns.map((each, index) => [each.name, index]));
  const fresh = found.rows.filter((row) => !state.seen.has(key(row, at)));
  for (const row of fresh) state.seen.add(key(row, at));
  const named = fresh.map((row) => ({ row: new Map(found.columns.map((each, index) => [each.name, row[index]])), fresh: onTop }));
  state.shown = onTop ? [...named, ...state.shown].slice(0, 2000) : [...state.shown, ...named];
  if (!onTop) state.next = found.next;
  state.columns = found.columns.length ? found.columns : (state.columns ?? []);
  state.searched = found.searched_to;
  return fresh.length;
}

function draw(body, asked, state, found) {
  const names = state.columns.map((each) => each.name).filter((name) => !QUIET.includes(name));
  const types = new Map(state.columns.map((each) => [each.name, each.type]));
  const columns = names.map((name) => ({ name: text(name), title: types.get(name), number: /int|double|float|decimal/.test(types.get(name)) }));
  const drawn = new Map();
  const list = state.shown.map((each) => {
    const line = names.map((name) => value(name, each.row));
    drawn.set(line, each.fresh);
    return line;
  });
  const more = h("button", { type: "button", onclick: () => older(body, asked, state) }, "Older rows");
  more.hidden = !state.next;
  body.replaceChildren(
    h("p", { class: "soft" }, `${count(state.shown.length)} rows, the newest first. ${state.searched ? `Searched back to ${time(state.searched)} so far.` : state.next ? "" : "There are no others that fit."}`),
    table(`Rows of ${found.view}`, columns, list, { size: 2000, kind: "rows", rowClass: (line) => drawn.get(line) && "new" }), more);
}

function value(name, row) {
  const held = row.get(name);
  if (name === "$Timestamp") return time(held);
  if (name === "$CorrelationId" && typeof held === "string" && held) return link("case", { id: held, at: row.get("$Timestamp") ?? "" }, text(held), "Shows all rows of this id");
  return cell(held);
}

async function older(body, asked, state) {
  const found = await ask("rows", { ...asked, after: state.next });
  const fresh = take(state, found);
  draw(body, asked, state, found);
  say(`${fresh} more rows`);
}

async function live(body, asked, state, follow, signal) {
  while (follow.checked && !signal.aborted) {
    try {
      const found = await ask("rows", asked);
      for (const each of state.shown) each.fresh = false;
      const fresh = take(state, found, true);
      if (fresh) {
        draw(body, asked, state, found);
        say(`${fresh} new rows`);
      }
    } catch (error) {
      if (signal.aborted) return;
      say(error.message);
    }
    await new Promise((resolve) => setTimeout(resolve, WAIT));
  }
}
