// The explorer: lists and searches the operations, shows one by the library, and sends its requests as somebody.
//
// The library (explorer/vendor) shows one operation at a time and runs it. Its own navigation disappears on small
// screens, so the list is ours: links with the fragment that the library follows.
//
// Invariant: the list is shown as soon as the document is there, and before the library has looked at it.
// Invariant: access tokens and API keys are kept in this page's memory and nowhere else.

import { $, begin, call, csrfToken, element, onSubmit, signIn, trouble } from "/console/console.js";

const described = fetch("/openapi.json");
/** How long before its end an access token is renewed. */
const RENEW_BEFORE_MS = 60_000;
/** How long to wait before the next attempt when a renewal found no server. */
const RETRY_MS = 5_000;

// ---- who requests are sent by ---------------------------------------------------------------------------

let person = null;
/** {accessToken, refreshToken, name, endsAt, timer}, where an access token is used. */
let token = null;
let key = null;

function showWho() {
  const name = token?.name ?? person?.name ?? person?.email;
  $("as").textContent = key
    ? "Requests are sent with an API key"
    : token
      ? `Requests are sent by ${name}, with an access token`
      : person
        ? `Requests are sent by ${name}, in this browser's session`
        : "Requests are sent without credentials. Sign in to call protected operations.";
  $("by-nobody").parentElement.hidden = !key && !token;
}

/** Adds the credentials to a request that the library is about to send. */
function authorize({ detail: { request } }) {
  const { headers } = request;
  // The two are not sent together: credentials that are there must be good.
  for (const name of ["authorization", "x-api-key", "x-csrf-token"]) headers.delete(name);
  request.credentials = key || token ? "omit" : "same-origin";
  if (key) headers.set("x-api-key", key);
  else if (token) headers.set("authorization", `Bearer ${token.accessToken}`);
  else if (person && csrfToken() && request.method.toLowerCase() !== "get") headers.set("x-csrf-token", csrfToken());
}

function keep({ accessToken, refreshToken, expiresIn, user }) {
  clearTimeout(token?.timer);
  const lastsMs = expiresIn * 1_000;
  const timer = setTimeout(renew, Math.max(lastsMs - RENEW_BEFORE_MS, lastsMs / 2));
  token = { accessToken, refreshToken, name: user.name || user.email, timer };
  showWho();
}

/** A new access token before the old one ends. Without a credential: an expired token would be refused. */
async function renew() {
  const used = token;
  const body = JSON.stringify({ refreshToken: used.refreshToken });
  const options = { method: "POST", headers: { "content-type": "application/json" }, credentials: "omit", body };
  const answer = await fetch("/api/v2/auth/refresh", options).catch(() => null);
  if (token !== used) return;
  if (answer?.ok) return keep(await answer.json());
  if (answer === null || answer.status >= 500 || answer.status === 429) {
    token.timer = setTimeout(renew, RETRY_MS);
    return;
  }
  forgetToken();
  trouble("The access token has ended. Sign in again.");
}

function forgetToken() {
  clearTimeout(token?.timer);
  token = key = null;
  showWho();
}

onSubmit($("by-password"), async () => {
  const [email, password] = [$("by-email").value.trim(), $("by-secret").value];
  if ($("by-token").checked) {
    const signedIn = await call("/api/v2/auth/login", { method: "POST", body: { email, password } });
    key = null;
    keep(signedIn);
  } else {
    forgetToken();
    await signIn(email, password);
  }
  trouble("");
  $("by-password").reset();
  $("credentials").open = false;
});

onSubmit($("by-key"), async () => {
  forgetToken();
  key = $("key").value.trim();
  $("by-key").reset();
  $("credentials").open = false;
  showWho();
});

$("by-nobody").addEventListener("click", forgetToken);

begin({
  needed: false,
  signedIn(somebody) {
    person = somebody;
    showWho();
  },
  signedOut() {
    person = null;
    showWho();
  },
});

// ---- the library ------------------------------------------------------------------------------------------

/** What the library's own styles lack: the page's flow, and tables that fit a small screen. */
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host { display: block; height: auto; min-width: 0; overflow: visible; }
  .body, .main-content { display: block; height: auto; overflow: visible; }
  .main-content-inner { padding: 0; }
  .section-gap--focused-mode { padding: 1.25rem; }
  nav.nav-bar, h1.tag-link { display: none !important; }
  h1, h2 { font-size: 1.2rem; font-weight: 600; }
  a { text-decoration: underline; }
  [part~="label-operation-path"] { overflow-wrap: anywhere; }
  .request-panel, .api-request.focused-mode { padding-top: 1rem; }
  .param-type, .v-tab-btn, .gray-text { opacity: 1; }
  .m-markdown code, .m-markdown-small code { font-size: 0.9em; }
  :is(button, a, input, select, textarea, [tabindex]):focus-visible { outline: 2px solid var(--primary-color); outline-offset: 2px; }
  .m-btn.primary:is(:hover, :focus-visible) { color: var(--primary-btn-text-color); background: var(--primary-color); }
  @media (max-width: 767.98px) {
    .m-table, .m-table tbody, .m-table tr, .m-table td { display: block; }
    .m-table td { border-top: 0 !important; width: auto !important; }
    .m-table tr { border-top: 1px solid var(--border-color); padding: 0.4rem; }
    .m-table td > [style*="margin-top"], .m-table td > [style*="margin-bottom"] { margin-block: 0.1rem !important; }
    .param-name, .param-type { text-align: left; }
  }
  .security-info-button { position: static; margin-block: 0.2rem 0.6rem; }
  .security-info-button > div { min-width: 0 !important; max-width: none !important; justify-content: flex-start !important; flex-wrap: wrap; row-gap: 0.3rem; }
  .security-info-button > div * { max-width: none !important; }
`);

/** The same for what answers look like, which has a tree of its own. */
const answerSheet = new CSSStyleSheet();
answerSheet.replaceSync(`
  .focused-mode { padding-top: 1rem; }
  :is(button, a, input, select, textarea, [tabindex]):focus-visible { outline: 2px solid var(--primary-color); outline-offset: 2px; }
  @media (max-width: 767.98px) {
    .resp-headers + table :is(tbody, tr, td) { display: block; width: auto !important; }
    .resp-headers + table td { padding-block: 0.15rem !important; }
  }
`);

const OPTIONS = {
  "hide-authentication": "true", "hide-server-selection": "true", "hide-search": "true", "hide-components": "true",
  "schema-expand-level": "2", "default-schema-tab": "body",
};

/** The library's element, which shows what the address names. */
function makeExplorer() {
  class Explorer extends customElements.get("openapi-explorer") {
    /** One operation at a time, however wide the window is. */
    handleResize() {
      this.renderStyle = "focused";
    }

    /** Shows an operation. The address and the page's place are ours, so the library's own ways do not run. */
    async scrollTo(id) {
      if (id === "auth") {
        $("credentials").open = true;
        $("credentials").scrollIntoView({ block: "nearest" });
      }
      if (!this.resolvedSpec || id === "auth") return;
      this.explorerLocation = id;
      await this.updateComplete;
      this.shadowRoot.querySelector("api-request")?.resetRequestBodySelection();
      this.shadowRoot.querySelector("api-response")?.resetSelection();
    }

    updated(changed) {
      super.updated(changed);
      // The page has its own main landmark.
      this.shadowRoot.querySelector("main")?.setAttribute("role", "presentation");
      const answer = this.shadowRoot.querySelector("api-response")?.shadowRoot;
      if (answer && !answer.adoptedStyleSheets.includes(answerSheet)) {
        answer.adoptedStyleSheets = [...answer.adoptedStyleSheets, answerSheet];
      }
    }

    createRenderRoot() {
      const root = super.createRenderRoot();
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
      return root;
    }
  }
  customElements.define("entrepot-explorer", Explorer);
  const explorer = document.createElement("entrepot-explorer");
  for (const [name, value] of Object.entries(OPTIONS)) explorer.setAttribute(name, value);
  explorer.addEventListener("request", authorize);
  return explorer;
}

// ---- the list of operations -------------------------------------------------------------------------------

/** {item, words} of every operation. */
const operations = [];
/** The methods of the API in the order in which they are listed, and what they are called there. */
const METHODS = { get: "GET", post: "POST", put: "PUT", patch: "PATCH", delete: "DEL" };

/** Where the fragment leads: the library's id of an operation, or "overview". */
const route = () => decodeURIComponent(new URLSearchParams(location.hash.split("?")[1] ?? "").get("route") ?? "") || "overview";
const linkTo = (id) => `#?route=${encodeURIComponent(id)}`;

/** The library's id of an operation. */
const idOf = (method, path) => `${method}-${path.replace(/[\s#:?&={}-]+/g, "-")}`;

function listed(path, method, { summary, operationId }) {
  const text = summary || path;
  const link = element("a", { href: linkTo(idOf(method, path)), title: text }, [
    element("span", { className: `method ${method}`, textContent: METHODS[method] }),
    element("span", { className: "what" }, [
      element("span", { className: "path", textContent: path.replace(/^\/api/, "") }),
      element("span", { className: "summary", textContent: text }),
    ]),
  ]);
  link.dataset.route = idOf(method, path);
  const item = element("li", {}, [link]);
  operations.push({ item, words: `${method} ${path} ${operationId ?? ""} ${text}`.toLowerCase() });
  return item;
}

/** Lists the operations of the document by their tags, in its order. Webhooks are messages that it describes, too. */
function list({ tags = [], paths, webhooks = {} }) {
  const items = new Map(tags.map(({ name }) => [name, []]));
  for (const [path, item] of [...Object.entries(paths), ...Object.entries(webhooks)]) {
    for (const method of Object.keys(METHODS)) {
      if (!item[method]) continue;
      const tag = item[method].tags?.[0] ?? "other";
      items.set(tag, [...(items.get(tag) ?? []), listed(path, method, item[method])]);
    }
  }
  const overview = element("a", { href: linkTo("overview"), className: "overview", textContent: "Overview" });
  overview.dataset.route = "overview";
  const groups = [...items].filter(([, some]) => some.length > 0).map(([name, some]) => {
    const group = element("section", {}, [element("h2", { textContent: name }), element("ul", {}, some)]);
    group.setAttribute("aria-label", name);
    return group;
  });
  const none = element("p", { id: "no-operation", className: "empty", textContent: "No operation matches.", hidden: true });
  $("operations").replaceChildren(overview, ...groups, none);
  mark();
}

/** Brings a link of the list into it, and leaves the page where it is. */
function keepInSight(link) {
  const list = $("operations");
  const [inner, outer] = [link.getBoundingClientRect(), list.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom) list.scrollTop += inner.top - outer.top - outer.height / 3;
}

/** Marks the operation that is shown. */
function mark() {
  const current = route();
  for (const link of $("operations").querySelectorAll("a[data-route]")) {
    if (link.dataset.route === current) {
      link.setAttribute("aria-current", "page");
      keepInSight(link);
    } else link.removeAttribute("aria-current");
  }
}

function search() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const operation of operations) {
    operation.item.hidden = !words.every((word) => operation.words.includes(word));
    if (!operation.item.hidden) found += 1;
  }
  for (const group of $("operations").querySelectorAll("section")) {
    group.hidden = group.querySelector("li:not([hidden])") === null;
  }
  if ($("no-operation")) $("no-operation").hidden = found > 0;
  if (words.length > 0) unfold(true);
}

/** On small screens the list is shown on demand; on others it always is. */
function unfold(isOpen) {
  $("operations").classList.toggle("open", isOpen);
  $("show-operations").setAttribute("aria-expanded", String(isOpen));
  $("show-operations").textContent = isOpen ? "Close" : "All";
}

const isSmall = () => matchMedia("(max-width: 900px)").matches;

$("search").addEventListener("input", search);
$("search").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const first = $("search").value.trim() && operations.find(({ item }) => !item.hidden);
  if (first) location.hash = new URL(first.item.firstChild.href).hash;
});
$("show-operations").addEventListener("click", () => unfold(!$("operations").classList.contains("open")));
addEventListener("hashchange", () => {
  mark();
  unfold(false);
  if ($("operation").getBoundingClientRect().top < 0 || isSmall()) $("operation").scrollIntoView({ block: "start" });
});

/** A body's media types, the one that has an example first: it is what can be tried at once. */
function triedFirst(content) {
  const isTried = ([, { example, examples }]) => example !== undefined || examples !== undefined;
  const all = Object.entries(content);
  return Object.fromEntries([...all.filter(isTried), ...all.filter((one) => !isTried(one))]);
}

/** The document as it is shown: summaries as plain text, and no parameter filled in that nobody has chosen. */
function shown(description) {
  const parameters = Object.values(description.components?.parameters ?? {});
  for (const item of Object.values(description.paths)) {
    parameters.push(...(item.parameters ?? []));
    for (const operation of Object.values(item)) {
      if (operation.summary) operation.summary = operation.summary.replaceAll("`", "");
      const content = operation.requestBody?.content;
      if (content) operation.requestBody.content = triedFirst(content);
      parameters.push(...(operation.parameters ?? []));
    }
  }
  for (const parameter of parameters) if (parameter.schema) leaveEmpty(parameter, parameter.schema);
  return description;
}

/** A default becomes the hint in an empty field; so does an example. Out of a pattern the library would make nonsense. */
function leaveEmpty(parameter, schema) {
  const hasExample = [parameter.example, parameter.examples, schema.example, schema.examples].some((example) => example !== undefined);
  if (!hasExample && schema.default !== undefined) schema.example = String(schema.default);
  else if (!hasExample && schema.pattern) schema.example = " ";
  delete schema.default;
}

// ---- the document -----------------------------------------------------------------------------------------

try {
  const description = shown(await (await described).json());
  list(description);
  // It comes beside the document, as the page's head asks for it, and is run behind the list.
  await import("/api-docs/openapi-explorer-2.4.820.min.js");
  const explorer = makeExplorer();
  $("operation").replaceChildren(explorer);
  await explorer.loadSpec(description);
} catch (error) {
  console.error(error);
  trouble("The OpenAPI document could not be shown. Load the page again.");
}
