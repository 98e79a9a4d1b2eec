// What links in letters lead to: proves an address, sets a password.
//
// Invariant: the token is taken out of the address before anything else is done with it.
// Invariant: text of the server reaches the page as text, never as markup.

const $ = (id) => document.getElementById(id);

const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);

function tell(text) {
  $("told").textContent = text;
  $("told").hidden = false;
}

/** Why the server refused, in its own words. */
async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      credentials: "same-origin",
      cache: "no-store",
      body: JSON.stringify(body),
    });
  } catch {
    return "The server cannot be reached. Try again in a moment.";
  }
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => null);
  const faults = (problem?.errors ?? []).map((fault) => fault.detail);
  return faults.length > 0 ? faults.join("; ") : (problem?.detail ?? `The server answered ${answer.status}.`);
}

/** Runs a form's request once at a time, and shows what went wrong beneath it. */
function onSubmit(form, fault, send) {
  $(form).addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = $(form).querySelector("button");
    if (button.disabled) return;
    button.disabled = true;
    $(fault).textContent = (await send()) ?? "";
    button.disabled = false;
  });
}

async function verify(token) {
  const fault = await post("/api/v2/auth/verify", { token });
  tell(fault === null ? "Your e-mail address is confirmed. You can close this page." : `${fault} Ask for another letter.`);
}

function reset(token) {
  $("reset").hidden = false;
  $("password").focus();
  onSubmit("reset", "reset-fault", async () => {
    if ($("password").value !== $("again").value) return "The two are not the same.";
    const fault = await post("/api/v2/auth/reset", { token, password: $("password").value });
    if (fault === null) {
      $("reset").hidden = true;
      tell("Your password is set, and all sessions were ended. Sign in with the new one.");
    }
    return fault;
  });
}

if (given.has("verify")) {
  await verify(given.get("verify"));
} else if (given.has("reset")) {
  reset(given.get("reset"));
} else {
  $("ask").hidden = false;
  onSubmit("ask", "ask-fault", async () => {
    const fault = await post("/api/v2/auth/forgot", { email: $("email").value });
    if (fault === null) {
      $("ask").hidden = true;
      tell("If there is an account with this address, a letter is on its way to it.");
    }
    return fault;
  });
}
