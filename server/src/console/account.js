// One's own account: who is signed in, the password, the sessions. Links in e-mails lead here, too: to confirm an
// address, and to choose a password.
//
// Invariant: the token of such a link stands behind the # of the address, which no browser sends, and is taken out of
// the address before anything else is done with it.

import { $, begin, call, element, explain, leave, onSubmit, trouble } from "/console/console.js";

const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname + (given.has("forgot") ? "#forgot" : ""));
const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A message over the page, and a way on. */
function tell(text, wayOn) {
  $("told").replaceChildren(element("p", { textContent: text }), ...(wayOn ? [element("a", wayOn)] : []));
  $("told").hidden = false;
}

const TO_SIGN_IN = { href: "/console/account", textContent: "Sign in" };

// ---- links in e-mails -----------------------------------------------------------------------------------

async function verify(token) {
  try {
    await call("/api/v2/auth/verify", { method: "POST", body: { token } });
    tell("Your e-mail address is confirmed.", { href: "/", textContent: "Go to the first page" });
  } catch (error) {
    const wayOn = { href: "/console/account", textContent: "Go to your account, and have another link sent" };
    tell(`The address could not be confirmed. ${explain(error)}`, wayOn);
  }
}

function chooseAnother(token) {
  $("reset").hidden = false;
  $("password-new").focus();
  onSubmit($("reset"), async () => {
    if ($("password-new").value !== $("password-again").value) return "The two passwords differ.";
    await call("/api/v2/auth/reset", { method: "POST", body: { token, password: $("password-new").value } });
    $("reset").hidden = true;
    leave();
    tell("Your password is set, and all sessions have ended. Sign in with the new password.", TO_SIGN_IN);
  });
}

function forgot() {
  $("sign-in")?.remove();
  $("told").hidden = true;
  $("ask").hidden = false;
  $("ask-email").focus();
}

onSubmit($("ask"), async () => {
  await call("/api/v2/auth/forgot", { method: "POST", body: { email: $("ask-email").value.trim() } });
  $("ask").hidden = true;
  tell("If there is an account with this address, an e-mail with a link is on its way. Nothing after some minutes? Look into the spam folder, or ask an admin: without a mail server, e-mails are saved on the Mail page.", TO_SIGN_IN);
});

// ---- the account ------------------------------------------------------------------------------------------

function show(person) {
  $("my-name").textContent = person.name || "–";
  $("my-email").textContent = `${person.email}${person.emailVerified ? "" : " (not confirmed)"}`;
  $("confirm").hidden = person.emailVerified;
  $("my-role").textContent = person.stores ? `${person.role}, for ${person.stores.length} stores` : person.role;
  $("my-last").textContent = person.lastSignInAt ? when.format(new Date(person.lastSignInAt)) : "–";
  $("board").hidden = false;
  readSessions();
}

/** Does something with the sessions, and shows them anew; or why not. */
async function withSessions(work) {
  try {
    await work();
    const { data } = await call("/api/v2/me/sessions");
    $("sessions").tBodies[0].replaceChildren(...data.map(session));
    $("end-others").hidden = data.length < 2;
    trouble("");
  } catch (error) {
    if (error.status === 401) leave("Your session has ended.");
    else trouble(`The sessions: ${explain(error)}`);
  }
}

const readSessions = () => withSessions(async () => {});

function session({ id, address, userAgent, lastUsedAt, current }) {
  const end = element("button", { type: "button", className: "quiet", textContent: "End" });
  end.setAttribute("aria-label", `End the session of ${userAgent || address}`);
  end.addEventListener("click", () => {
    withSessions(() => call(`/api/v2/me/sessions/${encodeURIComponent(id)}`, { method: "DELETE" }));
  });
  const cell = (...contents) => element("td", {}, contents);
  const last = element("time", { dateTime: lastUsedAt, textContent: when.format(new Date(lastUsedAt)) });
  return element("tr", {}, [cell(clientOf(userAgent)), cell(address ?? ""), cell(last), cell(current ? "This one" : end)]);
}

/** A browser's name and system out of what it says of itself; other clients as they call themselves. */
function clientOf(userAgent = "") {
  const browser = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
  const named = (list) => list.find(([mark]) => userAgent.includes(mark))?.[1];
  const name = named(browser);
  const text = name ? [name, named(system)].filter(Boolean).join(", ") : userAgent || "unknown";
  return element("span", { textContent: text, title: userAgent });
}

$("confirm").addEventListener("click", async () => {
  try {
    await call("/api/v2/auth/verification", { method: "POST" });
    $("confirm").hidden = true;
    tell(`An e-mail with a link is on its way to ${$("my-email").textContent.split(" ")[0]}.`);
  } catch (error) {
    trouble(`The e-mail could not be sent. ${explain(error)}`);
  }
});
$("end-others").addEventListener("click", () => withSessions(() => call("/api/v2/me/sessions", { method: "DELETE" })));

onSubmit($("change"), async () => {
  if ($("change-new").value !== $("change-again").value) return "The two new passwords differ.";
  const body = { currentPassword: $("change-current").value, password: $("change-new").value };
  await call("/api/v2/me/password", { method: "POST", body });
  $("change").reset();
  tell("Your password is changed, and your other sessions have ended.");
  await readSessions();
});

// ---- the beginning ----------------------------------------------------------------------------------------

const isOfAnEmail = given.has("verify") || given.has("reset");
begin({
  // A link of an e-mail is about its own account, whoever is signed in here.
  needed: !isOfAnEmail && !given.has("forgot"),
  signedIn(person) {
    $("ask").hidden = true;
    if (!isOfAnEmail) show(person);
  },
  signedOut: () => ($("board").hidden = true),
});
if (given.has("verify")) await verify(given.get("verify"));
else if (given.has("reset")) chooseAnother(given.get("reset"));
else if (given.has("forgot")) forgot();

addEventListener("hashchange", () => location.hash === "#forgot" && forgot());
