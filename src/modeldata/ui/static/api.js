// Questions to the server. The token comes in the address's fragment, which no request has in it, and stays in this tab alone.

const KEY = `modeldata ${location.pathname}`;
const state = document.documentElement.dataset;
let current = new AbortController();
let waiting = 0;

/** Takes the token out of the address, so that nobody reads it there. */
export function takeToken() {
  const found = /^#token=([^&]+)/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(KEY, decodeURIComponent(found[1]));
  history.replaceState(null, "", `${location.pathname}#/overview`);
}

/** Questions of the page before are of no interest any more. */
export function leave() {
  current.abort();
  current = new AbortController();
  return current.signal;
}

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function checked(answer) {
  if (answer.ok) return answer;
  let text = `the server answers ${answer.status}`;
  try { text = (await answer.json()).error || text; } catch { /* no JSON: the status has to do */ }
  throw new Error(text);
}

/** While anything is asked, the document says so (`data-asking`). */
async function asked(address, options) {
  state.asking = ++waiting;
  try {
    return await checked(await fetch(address, { ...options, headers: headers(), signal: current.signal }));
  } finally {
    if (--waiting) state.asking = waiting;
    else delete state.asking;
  }
}

function query(parameters) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined && each !== null) given.append(name, each);
  }
  return given.toString();
}

/** An answer as it is documented in docs/ui.md. Throws an Error with what the server says. */
export async function ask(question, parameters = {}) {
  return (await asked(`api/${question}?${query(parameters)}`, {})).json();
}

/** SQL goes in the body: it may be long, and addresses are kept in histories. */
export async function askSql(parameters) {
  return asked("api/sql", { method: "POST", body: JSON.stringify(parameters) });
}
