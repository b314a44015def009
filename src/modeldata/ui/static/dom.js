// Elements. Text is always text: nothing here, and nothing that uses it, makes markup of a value.

const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\uffff]/g;
const LONGEST = 400;
const READ = ["title", "aria-label"];
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });

const escape = (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Text in which what is invisible is an escape: for names, titles and labels. */
export const plain = (value) => String(value).replace(INVISIBLE, escape);

/** h("p", {class: "soft"}, "text", element): an element. `on…` is a listener, what is null or false is left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : READ.includes(name) ? plain(value) : value);
  }
  const there = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...there.map((child) => (child instanceof Node ? child : tag === "textarea" ? child : plain(child))));
  return element;
}

/** Text in which what is invisible is shown as an escape, in a part of its own: marks for another direction change nothing else. */
export function text(value) {
  const string = String(value);
  const part = h("bdi", { class: "cell" });
  const shown = string.length > LONGEST ? `${string.slice(0, LONGEST)}…` : string;
  let last = 0;
  for (const found of shown.matchAll(INVISIBLE)) {
    part.append(shown.slice(last, found.index), h("span", { class: "escape" }, escape(found[0])));
    last = found.index + found[0].length;
  }
  part.append(shown.slice(last));
  return part;
}

/** The value of a cell as the API gives it. */
export function cell(value) {
  if (value === null || value === undefined) return h("span", { class: "null" }, "null");
  if (typeof value === "object") {
    const part = text(value.cut.slice(0, LONGEST));
    part.append(h("span", { class: "escape" }, ` … ${count(value.length)} characters`));
    return part;
  }
  return typeof value === "number" || typeof value === "boolean" ? String(value) : text(value);
}

export const count = (number) => whole.format(number);
export const number = (value) => (typeof value !== "number" ? (value ?? "–") : short.format(value));
export const percent = (part, all) => (all ? `${((100 * part) / all).toFixed(part && part < all / 1000 ? 2 : 1)} %` : "–");
export const time = (iso) => (iso ? iso.replace("T", " ").replace("+00:00", "").replace(/\.(\d{3})\d*/, ".$1") : "–");

export function bytes(size) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  for (; size >= 1024 && at < units.length - 1; at++) size /= 1024;
  return `${at ? size.toFixed(1) : size} ${units[at]}`;
}

/** columns: {name, title, number}. rows: lists of text, numbers or elements. The first `size` are shown, a button shows more. */
export function table(caption, columns, rows, { size = 50, kind = "", rowClass = () => null } = {}) {
  const body = h("tbody");
  const head = columns.map((each) => h("th", { scope: "col", title: each.title, class: each.number && "number" }, each.name));
  const box = h(
    "div", { class: `scroll ${kind}`, tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption), h("thead", {}, h("tr", {}, head)), body),
  );
  let shown = 0;
  const more = h("button", { type: "button", onclick: add }, "Show more");
  function add() {
    for (const row of rows.slice(shown, shown + size)) {
      body.append(h("tr", { class: rowClass(row) }, row.map((value, at) => h("td", { class: columns[at].number && "number" }, value))));
    }
    shown = Math.min(shown + size, rows.length);
    more.hidden = shown >= rows.length;
    more.textContent = `Show more (${count(rows.length - shown)} left)`;
  }
  add();
  if (!rows.length) body.append(h("tr", {}, h("td", { colspan: columns.length, class: "soft" }, "none")));
  return h("div", {}, box, more);
}

/** pairs: [name, value, what it counts]. */
export function tiles(pairs) {
  return h("dl", { class: "tiles" }, pairs.map(([name, value, title]) => h("div", { title }, h("dt", {}, name), h("dd", {}, value))));
}

/** A labelled field of a form. */
export function field(name, element, title = null) {
  return h("label", { title }, name, element);
}

export function select(name, options, chosen) {
  return h("select", { name }, options.map(([value, label]) => h("option", { value, selected: value === chosen }, label)));
}

export function input(name, value = "", more = {}) {
  return h("input", { name, value, ...more });
}

/** What changed, for those who hear the page. */
export function say(words) {
  document.getElementById("said").textContent = plain(words);
}

export function problem(error) {
  return h("div", { class: "error", role: "alert" }, h("p", { class: "bad" }, "It did not work."), h("p", {}, text(error.message)));
}

export function link(page, parameters, label, title = null) {
  return h("a", { href: `#/${page}?${new URLSearchParams(parameters)}`, title }, label);
}
