// The first page: how the server is, and its own address in the examples.
//
// Invariant: the page is of use without an answer of the API; nobody has to sign in for it.

import { $, begin } from "/console/console.js";

/** How often the health is read again while the page is looked at. */
const AGAIN_MS = 10_000;
/** What the dot shows for each status of `/health`. */
const STATES = { healthy: "connected", degraded: "connecting", unhealthy: "closed" };

for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;

let timer;

async function readHealth() {
  clearTimeout(timer);
  let status;
  try {
    const answer = await fetch("/health", { cache: "no-store" });
    ({ status } = await answer.json());
  } catch {
    status = undefined;
  }
  $("status").dataset.state = STATES[status] ?? "closed";
  $("status-text").textContent = status ?? "does not answer";
  if (!document.hidden) timer = setTimeout(readHealth, AGAIN_MS);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : readHealth()));
readHealth();
begin({ needed: false });
