// Which collector a page is about.

import { ask } from "./api.js";
import { field, h, select, text } from "./dom.js";

/** The overview, and the collector that the address names, or the one with the most rows. */
export async function chosen(parameters) {
  const overview = await ask("overview");
  document.getElementById("archive").replaceChildren(text(overview.archive));
  const asked = parameters.get("collector");
  const first = [...overview.collectors].sort((a, b) => b.rows - a.rows)[0];
  const collector = overview.collectors.find((each) => each.view === asked || each.name === asked) ?? first;
  if (!collector) throw new Error("The archive has no collectors yet: nothing was archived.");
  return { overview, collector };
}

/** A form whose fields become the address. */
export function form(page, collector, overview, fields, parameters) {
  const versions = [["", "all"], ...collector.versions.map((each) => [each.version, each.version])];
  const submit = (event) => {
    event.preventDefault();
    const given = [...new FormData(event.currentTarget)].filter(([, value]) => value !== "");
    location.hash = `#/${page}?${new URLSearchParams(given)}`;
  };
  const other = (event) => { location.hash = `#/${page}?${new URLSearchParams({ collector: event.target.value })}`; };
  const views = select("collector", overview.collectors.map((each) => [each.view, each.name]), collector.view);
  views.addEventListener("change", other);
  return h("form", { onsubmit: submit }, field("Collector", views, "Model and identifier"),
    field("Version", select("version", versions, parameters.get("version") ?? ""), "Of the model"), fields, h("button", { class: "main" }, "Show"));
}
