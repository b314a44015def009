// Which page is shown: the address says it, so that it can be kept and sent to others.

import { leave, takeToken } from "./api.js";
import { h, problem, say } from "./dom.js";
import { cases } from "./case.js";
import { columns } from "./columns.js";
import { drift } from "./drift.js";
import { keeping, proof, spool } from "./evidence.js";
import { overview } from "./overview.js";
import { rows } from "./rows.js";
import { sql } from "./sql.js";

const PAGES = {
  overview: ["Overview", overview], columns: ["Columns", columns], drift: ["Drift", drift], rows: ["Rows", rows], case: ["Case", cases],
  proof: ["Proof", proof], spool: ["Spool", spool], keeping: ["Keeping", keeping], sql: ["SQL", sql],
};
const COLLECTOR = ["columns", "drift", "rows"];
let shown = null;

async function show() {
  if (location.hash === "#main") return;
  takeToken();
  const [name, asked] = location.hash.replace(/^#\/?/, "").split("?");
  const page = Object.hasOwn(PAGES, name) ? name : "overview";
  const parameters = new URLSearchParams(asked ?? "");
  const signal = leave();
  const [title, draw] = PAGES[page];
  document.title = `${title} – modeldata`;
  menu(page, parameters.get("collector"));
  const main = document.getElementById("main");
  const body = h("div", { "aria-busy": "true" }, h("p", { class: "soft" }, "Reading …"));
  main.replaceChildren(h("h1", {}, title), body);
  if (shown !== null && shown !== page) main.focus();
  shown = page;
  try {
    const content = await draw(parameters, signal);
    if (signal.aborted) return;
    body.replaceChildren(...content);
    say(`${title} is shown`);
  } catch (error) {
    if (signal.aborted) return;
    body.replaceChildren(problem(error));
  }
  body.removeAttribute("aria-busy");
  document.documentElement.dataset.ready = `${page}`;
}

function menu(page, collector) {
  delete document.documentElement.dataset.ready;
  document.getElementById("pages").replaceChildren(...Object.entries(PAGES).map(([name, [title]]) => {
    const kept = collector && COLLECTOR.includes(name) ? `?${new URLSearchParams({ collector })}` : "";
    return h("li", {}, h("a", { href: `#/${name}${kept}`, "aria-current": name === page && "page" }, title));
  }));
}

addEventListener("hashchange", show);
show();
