// What all pages share: calls of the API, signing in and out, the header's "who am I".
//
// Invariant: this is the one place where a page calls the API, and where the session's CSRF token is kept.
// Invariant: text of the server reaches a page as text, never as markup.

/** How soon the page asks again who is signed in, after the server did not answer. */
const RETRY_MS = 5_000;
/** Where the CSRF token of the session is kept, for all tabs. It is of no use to anybody without the cookie. */
const CSRF = "entrepot-csrf";
/** Details of the API that read better as a sentence of a page. */
const SENTENCES = { "accounts.wrong_credentials": "E-mail address or password is wrong." };

export const $ = (id) => document.getElementById(id);
export const csrfToken = () => localStorage.getItem(CSRF);

/** An answer of the API that is a problem. */
export class Refused extends Error {
  constructor(status, problem) {
    const faults = (problem?.errors ?? []).map(({ pointer, detail }) => (pointer ? `${pointer.slice(1)}: ${detail}` : detail));
    const detail = faults.length > 0 ? faults.join("; ") : (problem?.detail ?? problem?.title ?? `the server answered ${status}`);
    super(SENTENCES[problem?.code] ?? sentence(detail));
    this.status = status;
    this.code = problem?.code;
  }
}

/** Details of the API begin in lower case and end without a full stop. */
function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What to tell a person of an error of `call`. */
export const explain = (error) => (error instanceof Refused ? error.message : "The server does not answer. Try again in a moment.");

/** Calls the API in the session of this browser; the answer's JSON, or null where it has none. */
export async function call(path, { method = "GET", body } = {}) {
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrfToken()) headers["x-csrf-token"] = csrfToken();
  const answer = await fetch(path, { method, headers, credentials: "same-origin", cache: "no-store", body: JSON.stringify(body) });
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, json);
  return json;
}

export function element(name, properties = {}, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A message over the page's content; an empty text takes it away. */
export function trouble(text) {
  if ($("trouble").textContent !== text) $("trouble").textContent = text;
  $("trouble").hidden = text === "";
}

/** Runs a form's request once at a time. What it returns or throws is shown under the fields as the fault. */
export function onSubmit(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const fault = form.querySelector("[role=alert]");
    if (button.disabled) return;
    button.disabled = true;
    fault.textContent = "";
    try {
      fault.textContent = (await send()) ?? "";
    } catch (error) {
      fault.textContent = explain(error);
    } finally {
      button.disabled = false;
    }
  });
}

// ---- the session --------------------------------------------------------------------------------------

/** What the page does with a session: `signedIn(person)`, `signedOut()`; and whether it asks for one: `needed`. */
let page = { signedIn() {}, signedOut() {}, needed: true };
let retry;

/** Begins the page: finds out who is signed in, and shows the sign-in form where nobody is. */
export function begin(ofPage) {
  page = { ...page, ...ofPage };
  $("sign-out").addEventListener("click", signOut);
  // Signed in or out in another tab.
  addEventListener("storage", ({ key, newValue }) => {
    if (key === CSRF) newValue === null ? leave() : ask();
  });
  return ask();
}

async function ask() {
  clearTimeout(retry);
  try {
    enter(await call("/api/v2/me"));
  } catch (error) {
    if (error.status === 401) return leave();
    trouble(error.status ? error.message : "The server does not answer. Trying again.");
    retry = setTimeout(ask, RETRY_MS);
  }
}

function enter(person) {
  trouble("");
  $("sign-in")?.remove();
  $("who").textContent = person.name || person.email;
  $("who").title = `${person.email}, ${person.role}`;
  $("who").hidden = $("sign-out").hidden = false;
  page.signedIn(person);
}

/** The session has ended, or there was none. `why` is told in the sign-in form. */
export function leave(why = "") {
  localStorage.removeItem(CSRF);
  trouble("");
  $("sign-out").hidden = true;
  // Where the page does not ask for it, the header leads to the form.
  $("who").hidden = page.needed;
  $("who").textContent = "Sign in";
  $("who").title = "";
  page.signedOut();
  if (page.needed) showSignIn(why);
}

/** The form to sign in by. Its method is POST, so that without script no password gets into an address. */
function showSignIn(why = "") {
  $("sign-in")?.remove();
  const field = (id, label, properties) => [
    element("label", { htmlFor: id, textContent: label }),
    element("input", { id, required: true, ...properties }),
  ];
  const form = element("form", { id: "sign-in", className: "card sign-in", method: "post", action: "/api/v2/auth/login" }, [
    element("h2", { textContent: "Sign in" }),
    ...field("email", "E-mail address", { name: "email", type: "email", autocomplete: "username" }),
    ...field("password", "Password", { name: "password", type: "password", autocomplete: "current-password" }),
    element("p", { className: "fault", role: "alert", textContent: why }),
    element("button", { type: "submit", textContent: "Sign in" }),
    element("p", { className: "below" }, [element("a", { href: "/console/account#forgot", textContent: "Forgot your password?" })]),
  ]);
  $("main").append(form);
  onSubmit(form, async () => {
    await signIn($("email").value, $("password").value);
  });
  $("email").focus();
}

/** Signs in by cookie, for all pages of this browser. */
export async function signIn(email, password) {
  const { csrfToken, user } = await call("/api/v2/auth/login", { method: "POST", body: { email: email.trim(), password, cookie: true } });
  if (csrfToken) localStorage.setItem(CSRF, csrfToken);
  enter(user);
}

async function signOut() {
  try {
    await call("/api/v2/auth/logout", { method: "POST" });
    leave();
  } catch (error) {
    if (error.status === 401) leave();
    else if (error.status === 403) leave("This browser no longer has the token that changes need. Sign in again, and then sign out.");
    else trouble(`Sign-out failed. ${explain(error)}`);
  }
}
