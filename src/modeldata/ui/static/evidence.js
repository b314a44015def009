// Proof, spool and keeping: what is known of the archive besides its rows.

import { ask } from "./api.js";
import { bytes, count, h, number, table, text, tiles, time } from "./dom.js";

function list(title, lines) {
  return lines.length ? h("section", {}, h("h2", {}, title), h("ul", {}, lines.map((line) => h("li", {}, text(line))))) : null;
}

export async function proof(parameters) {
  const whole = parameters.get("bytes") === "1";
  const found = await ask("proof", whole ? { bytes: 1 } : {});
  const bad = ["broken", "nothing found"].includes(found.verdict);
  return [
    tiles([
      ["Verdict", h("span", { class: bad ? "bad" : found.verdict === "complete" ? "good" : null }, found.verdict), "Is every accepted row in the archive, once?"],
      ["Rows", count(found.rows), "Rows that the audit found"], ["Batches", count(found.batches), "Batches of rows, each with a line in a manifest"],
      ["Writers", count(found.writers), "Threads of services that gave rows, by collector"],
    ]),
    h("p", { class: "soft" }, found.checked_bytes ? "All bytes were read and held against their checksums." : "Manifests and heads were read, no data."),
    whole ? null : h("p", {}, h("a", { href: "#/proof?bytes=1", title: "Reads all data of the archive; may take long" }, "Check all bytes")),
    h("h2", {}, "Gaps"),
    table("Row numbers that are not in the archive", [
      { name: "collector", title: "Whose numbers" }, { name: "writer", title: "Who gave them" }, { name: "first", title: "The first number that is missing", number: true },
      { name: "last", title: "The last number that is missing", number: true }, { name: "rows", title: "How many numbers", number: true }, { name: "reason", title: "What was recorded of them" },
    ], found.missing.map((gap) => [text(gap.collector), text(gap.writer), count(gap.first), count(gap.last), count(gap.last - gap.first + 1), gap.reason ? text(gap.reason) : h("span", { class: "bad" }, "no reason recorded")])),
    found.doubled.length ? table("Row numbers that are there twice", [{ name: "collector", title: "Whose numbers" }, { name: "writer", title: "Who gave them" }, { name: "first", title: "The first", number: true }, { name: "last", title: "The last", number: true }],
      found.doubled.map((each) => [text(each.collector), text(each.writer), count(each.first), count(each.last)])) : null,
    list("Problems", found.problems), list("Could not be read", found.unread), list("Not proven", found.unproven),
    bad ? null : list("What it rests on", found.proven), list("What nobody can know from the archive alone", found.not_known), list("Files that are not ours", found.unaccounted),
    h("h2", {}, "Refused by the service"),
    table("Rows that were never taken, by reason", [{ name: "reason", title: "What stats() calls it" }, { name: "rows", title: "Rows refused for this reason", number: true }],
      Object.entries(found.refused).map(([reason, rows]) => [text(reason), count(rows)])),
    h("h2", {}, "Hours without a row, and whether a service was there"),
    table("Of the last 31 days: an hour with writers is one in which nothing happened, one without is one in which nothing was recorded", [
      { name: "hour (UTC)", title: "When rows would have been archived" }, { name: "host", title: "Of the service" }, { name: "service", title: "Its name" },
      { name: "writers", title: "Writers that lived in this hour", number: true }, { name: "state", title: "What that means" },
    ], found.hours_without_rows.map((hour) => [time(hour.hour), text(hour.host), text(hour.service), count(hour.writers), hour.state])),
    list("What to do next", found.hints),
  ].filter(Boolean);
}

export async function spool() {
  const found = await ask("spool");
  const leader = found.leader;
  return [
    tiles([
      ["Waiting", count(found.pending), "Rows in the spool that are not in the archive yet"], ["Lag", `${number(found.lag_seconds)} s`, "Age of the oldest row that waits"],
      ["Archived", count(found.archived), "Rows that this spool brought to the archive"], ["Size", bytes(found.bytes), "Bytes of the spool on this disk"],
    ]),
    found.last_error ? h("div", { class: "error" }, h("p", { class: "bad" }, "Archiving does not go on:"), h("p", {}, text(found.last_error))) : h("p", { class: "good" }, "No error."),
    h("p", {}, "Leader: ", leader ? `process ${leader.pid} on ${leader.host}, since ${time(leader.since)} UTC` : "nobody ships just now"),
    h("p", {}, "Spool: ", text(found.spool)), found.note ? h("p", {}, text(found.note)) : null,
    table("Counts of the whole spool", [{ name: "what", title: "What is counted" }, { name: "number", title: "How many", number: true }], [
      ["segment files", count(found.segments)], ["torn: segment ends cut off by a death; never accepted", count(found.torn)], ["damaged: frames with wrong bytes", count(found.damaged)],
      ["gaps: rows missing between numbers", count(found.gaps)], ["quarantined: rows that can't be decoded", count(found.quarantined)],
      ...Object.entries(found.refused).map(([reason, rows]) => [text(`refused: ${reason}`), count(rows)]),
    ]),
    Object.keys(found.archives).length ? table("Of each archive", [{ name: "archive", title: "Its URL" }, { name: "archived", title: "Rows that are there", number: true }, { name: "waiting", title: "Rows that are not there yet", number: true }, { name: "lag", title: "Age of the oldest row that waits", number: true }],
      Object.entries(found.archives).map(([url, each]) => [text(url), count(each.archived), count(each.pending), `${number(each.lag_seconds)} s`])) : null,
  ].filter(Boolean);
}

export async function keeping() {
  const found = await ask("keeping");
  const lost = Object.entries(found.lost);
  return [
    table("Rows that are not there any more, by the reason that was recorded", [{ name: "reason", title: "erased: of one subject; pruned: too old" }, { name: "rows", title: "Row numbers with this reason", number: true }],
      lost.map(([reason, rows]) => [text(reason), count(rows)])),
    h("h2", {}, "Runs"),
    table("Rewrites of folders by compact, erase and prune, the newest first, as their records tell", [
      { name: "at (UTC)", title: "When the folder was switched" }, { name: "host", title: "Where it ran" }, { name: "new batches", title: "Batches that it wrote", number: true },
      { name: "replaced", title: "Batches that count no more", number: true }, { name: "pruned", title: "Folders whose rows went" },
    ], found.runs.map((run) => [time(run.at), text(run.host), count(run.batches), count(run.replaced), text(run.pruned.join(", ") || "–")])),
    h("h2", {}, "Folders"),
    table("Folders that were rewritten", [
      { name: "folder", title: "A day of a collector and version" }, { name: "times", title: "How often it was rewritten", number: true }, { name: "rows", title: "Rows that are there now", number: true },
      { name: "files", title: "Data files that are there now", number: true }, { name: "erased", title: "Row numbers that were erased", number: true }, { name: "pruned", title: "Row numbers that were pruned", number: true },
    ], found.folders.map((each) => [text(each.folder), count(each.generation), count(each.rows), count(each.files), count(each.lost.erased ?? 0), count(each.lost.pruned ?? 0)])),
  ];
}
