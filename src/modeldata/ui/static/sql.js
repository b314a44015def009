// SQL: a query over the collectors, its rows as a table or as a file.

import { ask, askSql } from "./api.js";
import { cell, count, field, h, problem, say, table, text } from "./dom.js";

export async function sql(parameters) {
  const { views } = await ask("sql");
  const names = Object.entries(views);
  const first = names.length ? `SELECT * FROM ${names[0][0]} LIMIT 20` : "";
  const query = h("textarea", { name: "sql", spellcheck: "false" }, parameters.get("sql") ?? first);
  const result = h("div", { "aria-live": "polite" });
  const run = async (work) => {
    result.replaceChildren(h("p", { class: "soft" }, "Running …"));
    try { result.replaceChildren(...(await work())); } catch (error) { if (error.name !== "AbortError") result.replaceChildren(problem(error)); }
  };
  const submit = (event) => {
    event.preventDefault();
    run(async () => rows(await (await askSql({ sql: query.value, rows: 200 })).json()));
  };
  const button = (form, label) => h("button", { type: "button", onclick: () => run(() => save(query.value, form)) }, label);
  query.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event); });
  return [
    h("p", { class: "soft" }, "DuckDB over the archive alone: it opens no other file, has 256 MB of memory and 30 seconds. Ctrl-Enter runs it."),
    h("form", { onsubmit: submit }, h("label", { class: "wide" }, "Query", query), h("button", { class: "main" }, "Run"), button("csv", "Download CSV"), button("parquet", "Download Parquet")),
    result,
    h("h2", {}, "Views"),
    table("What a query can read", [{ name: "view", title: "Its name in SQL" }, { name: "collector", title: "Whose rows it has" }], names.map(([view, name]) => [text(view), text(name)])),
  ];
}

function rows(found) {
  const columns = found.columns.map((each) => ({ name: text(each.name), title: each.type, number: /int|double|float|decimal/.test(each.type) }));
  say(`${found.rows.length} rows`);
  return [
    h("p", { class: "soft", title: "Rows of the result, and the time that it took" }, `${count(found.rows.length)} rows in ${found.seconds.toFixed(2)} s${found.more ? "; there are more: a download has up to a million" : ""}.`),
    table("Result", columns, found.rows.map((row) => row.map(cell)), { size: 200, kind: "rows" }),
  ];
}

async function save(query, format) {
  const content = await (await askSql({ sql: query, format })).blob();
  const address = URL.createObjectURL(content);
  h("a", { href: address, download: `query.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  return [h("p", {}, `query.${format} was saved: ${count(content.size)} bytes.`)];
}
