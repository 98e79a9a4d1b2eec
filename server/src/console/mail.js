// The page of e-mails: those that were saved to files, and the templates.
//
// Invariant: the page asks for no more than 200 e-mails, and again only while it is looked at.

import { $, begin, call, element, explain, leave, trouble } from "/console/console.js";

/** How soon the list is read again while the page is looked at. */
const AGAIN_MS = 5_000;
/** The templates' names for people; one that is not here is shown by its own name. */
const NAMES = {
  alert: "Security notice",
  email_verification: "Confirm an e-mail address",
  invitation: "Invitation",
  low_stock: "Low stock",
  order_confirmation: "Order confirmation",
  order_shipped: "Order shipped",
  password_reset: "Password reset",
  report_ready: "Report ready",
};
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function nameOf(template) {
  const words = template.replaceAll("_", " ");
  return NAMES[template] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** A link to a page of its own, which runs no scripts. */
const link = (textContent, href) => element("a", { href, target: "_blank", rel: "noopener noreferrer", textContent });
const row = (...contents) => element("tr", {}, contents.map((content) => element("td", {}, [content])));

function show(letters) {
  $("letters").parentElement.hidden = letters.length === 0;
  $("no-letters").hidden = letters.length > 0;
  $("letters").tBodies[0].replaceChildren(
    ...letters.map(({ id, at, to, subject, kind }) => {
      const path = `/api/admin/mail/letters/${encodeURIComponent(id)}?format=html`;
      return row(when.format(new Date(at)), to, link(subject || "(no subject)", path), nameOf(kind));
    }),
  );
}

let isSignedIn = false;
let timer;

async function read() {
  clearTimeout(timer);
  if (!isSignedIn) return;
  try {
    const letters = await call("/api/admin/mail/letters?limit=200");
    if ($("templates").tBodies[0].rows.length === 0) {
      const { data } = await call("/api/admin/mail/templates");
      $("templates").tBodies[0].replaceChildren(
        ...data.map(({ name, subject, preview }) => {
          const previews = element("span", {}, [link("HTML", preview), " · ", link("text", `${preview}?format=text`)]);
          return row(nameOf(name), subject, previews);
        }),
      );
    }
    if (!isSignedIn) return;
    show(letters.data);
    $("board").hidden = false;
    trouble("");
  } catch (error) {
    if (error.status === 401) return leave("Your session has ended.");
    if (error.status === 403) return trouble("Only admins can see this page, and this account is none. Sign out, and sign in as an admin.");
    trouble(`The e-mails could not be read. ${explain(error)}`);
  }
  if (!document.hidden) timer = setTimeout(read, AGAIN_MS);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : read()));

begin({
  signedIn() {
    isSignedIn = true;
    read();
  },
  signedOut() {
    isSignedIn = false;
    clearTimeout(timer);
    $("board").hidden = true;
    for (const table of ["letters", "templates"]) $(table).tBodies[0].replaceChildren();
  },
});
