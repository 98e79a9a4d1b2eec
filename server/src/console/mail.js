// The page of letters: lists those that became files, and the templates.
//
// Invariant: text of the server reaches the page as text, never as markup.
// Invariant: the page asks for no more than 200 letters, and again only when it is looked at.

/** How soon the list is read again while the page is looked at. */
const AGAIN_MS = 5_000;
const $ = (id) => document.getElementById(id);
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? `the server answered ${status}`);
    this.status = status;
  }
}

async function call(path, options = {}) {
  const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

function cell(content) {
  const cell = document.createElement("td");
  cell.append(content);
  return cell;
}

/** A link to a page of its own. */
function link(text, path) {
  const anchor = document.createElement("a");
  Object.assign(anchor, { href: path, target: "_blank", rel: "noopener noreferrer", textContent: text });
  return anchor;
}

function row(...contents) {
  const row = document.createElement("tr");
  row.append(...contents.map(cell));
  return row;
}

function show(letters) {
  $("letters").hidden = letters.length === 0;
  $("no-letters").hidden = letters.length > 0;
  $("letters").tBodies[0].replaceChildren(
    ...letters.map((letter) => {
      const path = `/api/admin/mail/letters/${encodeURIComponent(letter.id)}?format=html`;
      return row(when.format(new Date(letter.at)), letter.to, link(letter.subject || "(no subject)", path), letter.kind);
    }),
  );
}

let timer;

async function read() {
  clearTimeout(timer);
  try {
    const letters = await call("/api/admin/mail/letters?limit=200");
    if ($("templates").tBodies[0].rows.length === 0) {
      const templates = await call("/api/admin/mail/templates");
      $("templates").tBodies[0].replaceChildren(
        ...templates.data.map((template) =>
          row(template.name, link(template.subject, template.preview), link("text", `${template.preview}?format=text`)),
        ),
      );
    }
    show(letters.data);
    $("board").hidden = false;
    $("sign-in").hidden = true;
    $("trouble").hidden = true;
  } catch (error) {
    if (error.status === 401) {
      $("board").hidden = true;
      $("sign-in").hidden = false;
      return;
    }
    $("trouble").textContent =
      error.status === 403 ? "This account may not see letters: sign in as an admin." : `The letters could not be read (${error.message}). Trying again.`;
    $("trouble").hidden = false;
  }
  if (!document.hidden) timer = setTimeout(read, AGAIN_MS);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else read();
});

$("sign-in").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const button = submit.target.querySelector("button");
  button.disabled = true;
  $("sign-in-fault").textContent = "";
  try {
    const body = { email: $("email").value.trim(), password: $("password").value, cookie: true };
    await call("/api/v2/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    $("password").value = "";
    await read();
  } catch (error) {
    $("sign-in-fault").textContent = error.status ? error.message : "The server does not answer. Try again in a moment.";
  } finally {
    button.disabled = false;
  }
});

read();
