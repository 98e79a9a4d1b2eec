// The live page: reads the stores and their sums, follows their events, and shows both.
//
// A change shows at once, as the difference between a month's totals and those before it. That is quick,
// but a sum that was read while an event was on its way may have counted it already. So behind every
// change the sums are read again, once in a while: what is shown is soon right, and right when it is quiet.
//
// Invariant: text of the server reaches the page as text, never as markup.
// Invariant: the page keeps no more than the stores, 50 changes, and what the client keeps of each topic.

import { EntrepotLive } from "/client/entrepot-live.js";
import { $, begin, call, element, explain, leave, trouble } from "/console/console.js";

const MEASURES = ["sales", "transactions", "customers", "units"];
/** All there is: sums are shown without an end, and so every change belongs to them. */
const RANGE = "from=1900-01-01&to=2200-12-31";
/** The same by month, of which there are no more than 1,000 in one answer. */
const MONTHS = "from=1980-01-01&to=2060-12-31";
/** How many topics a connection may follow. */
const TOPICS_AT_MOST = 500;
const TICKER_AT_MOST = 50;
/** How soon sums are read again behind a change; when nothing happens; and when reading has failed. */
const SETTLE_MS = 4_000;
const IDLE_MS = 60_000;
const RETRY_MS = 5_000;
/** How long a row that has changed is marked. */
const FLASH_MS = 1_800;

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
/** As many digits in every row: so that points stand under points. */
const cents = { minimumFractionDigits: 2, maximumFractionDigits: 2 };
const exact = new Intl.NumberFormat(undefined, cents);
const signed = new Intl.NumberFormat(undefined, { ...cents, signDisplay: "exceptZero" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const monthName = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" });

/** By id: {id, name, place, status, sums, changedAtMs, changes, row, cells}. */
const stores = new Map();
/** What ends each subscription, by topic. */
const followed = new Map();
let live = null;
let sortBy = "sales";
/** What was sold since the page was opened, and when that was. */
let sold = 0;
let openedAt = new Date();

// ---- the API ------------------------------------------------------------------------------------------

async function readStores() {
  const all = [];
  let after = null;
  do {
    const page = await call(`/api/v2/stores?limit=200${after ? `&cursor=${encodeURIComponent(after)}` : ""}`);
    all.push(...page.data);
    after = page.page?.nextCursor;
  } while (after);
  return all;
}

const number = (value) => Number(value) || 0;
const measures = (from) => Object.fromEntries(MEASURES.map((name) => [name, number(from?.[name])]));

// ---- reading the state --------------------------------------------------------------------------------

let reading = false;
/** Whether there are no stores is known only behind the first reading. */
let hasRead = false;
let readTimer;
let readAtMs = Infinity;

/** Reads the state after so long at the latest. Many who ask are one reading. */
function readWithin(ms) {
  const at = performance.now() + ms;
  if (at >= readAtMs) return;
  readAtMs = at;
  clearTimeout(readTimer);
  readTimer = setTimeout(readNow, ms);
}

async function readNow() {
  readAtMs = Infinity;
  if (live === null) return;
  if (reading) return readWithin(100);
  reading = true;
  const reader = live;
  try {
    const before = new Map([...stores.values()].map((store) => [store.id, store.changes]));
    const [list, sums, months] = await Promise.all([
      readStores(),
      call(`/api/v2/sales/summary?by=store&${RANGE}`),
      call(`/api/v2/sales/summary?by=month&${MONTHS}`),
    ]);
    if (live !== reader) return;
    showPeriod(months.data ?? []);
    const found = new Map((sums.data ?? []).map((row) => [String(row.storeId ?? row.store?.id ?? row.store), row]));
    const ids = new Set(list.map((store) => String(store.id)));
    for (const store of stores.values()) if (!ids.has(store.id)) forget(store);
    for (const one of list) {
      const store = stores.get(String(one.id)) ?? remember(String(one.id));
      Object.assign(store, { name: one.name ?? store.id, place: one.place ?? "", status: one.status ?? "active" });
      // What changed while it was being read is newer than what was read.
      if ((before.get(store.id) ?? 0) !== store.changes) readWithin(SETTLE_MS);
      else store.sums = measures(found.get(store.id));
    }
    hasRead = true;
    follow();
    trouble("");
    resyncing(false);
    readWithin(stores.size === 0 ? RETRY_MS : IDLE_MS);
  } catch (error) {
    if (live !== reader) return;
    if (error.status === 401) return leave("Your session has ended.");
    if (error.status === 403) trouble(`This account may not see all of it. ${error.message}`);
    else if (live.status === "connected") trouble(`The sums could not be read. ${explain(error)}`);
    readWithin(RETRY_MS);
  } finally {
    reading = false;
    showSoon();
  }
}

/** From which month to which the sums reach. */
function showPeriod(months) {
  const [first, last] = [months[0], months.at(-1)].map((month) => month && monthName.format(new Date(month.start)));
  write($("period"), first === undefined ? "so far" : first === last ? `in ${first}` : `from ${first} to ${last}`);
}

// ---- the stores, and what happens to them -------------------------------------------------------------

function remember(id) {
  const store = { id, name: id, place: "", status: "active", sums: measures(), changedAtMs: 0, changes: 0, ...makeRow(id) };
  stores.set(id, store);
  return store;
}

function forget(store) {
  store.row.remove();
  stores.delete(store.id);
}

/** Follows the topics of the stores that there are: sales of all first, then the rest, as far as they go. */
function follow() {
  const wanted = [["system", onSystem]];
  for (const id of stores.keys()) wanted.push([`sales-data-${id}`, onSales]);
  for (const id of stores.keys()) wanted.push([`store-${id}`, onStore]);
  const topics = new Map(wanted.slice(0, TOPICS_AT_MOST));
  for (const [topic, leave] of followed) {
    if (topics.has(topic)) continue;
    leave();
    followed.delete(topic);
  }
  for (const [topic, handler] of topics) {
    if (followed.has(topic)) continue;
    // What happened between the reading and the subscription is in neither.
    const onSubscribed = (_, resumed) => resumed || readWithin(50);
    followed.set(topic, live.subscribe(topic, handler, { onSubscribed }));
  }
}

function onSales({ event, data, at }) {
  const store = stores.get(String(data.storeId));
  if (store === undefined) return;
  const now = measures(data.totals);
  const before = measures(data.before);
  for (const name of MEASURES) store.sums[name] += now[name] - before[name];
  const difference = now.sales - before.sales;
  sold += difference;
  const month = monthName.format(new Date(Date.UTC(data.year, data.month - 1)));
  const days = Object.keys(data.days ?? {});
  const note = event === "sales-data-deleted" ? `${month} deleted` : days.length === 1 ? `${days[0]} ${month}` : month;
  changed(store, at);
  tell(store.name, at, signed.format(difference), note, Math.sign(difference));
}

function onStore({ event, data, at }) {
  const store = stores.get(String(data.storeId));
  if (store === undefined) return;
  const renamed = data.name !== undefined && data.name !== store.name;
  store.name = data.name ?? store.name;
  store.status = data.status ?? store.status;
  changed(store, at);
  if (event === "store-status-changed") tell(store.name, at, store.status, "status");
  else if (event === "store-deleted") tell(store.name, at, "deleted", "store");
  else if (renamed) tell(store.name, at, "renamed", "store");
}

function onSystem({ event, data }) {
  if (event !== "system-announcement") return;
  $("announcement-text").textContent = data.message;
  $("announcement").dataset.severity = data.severity ?? "info";
  $("announcement").hidden = false;
}

function changed(store, at) {
  store.changes += 1;
  store.changedAtMs = Date.parse(at) || Date.now();
  store.flash = true;
  readWithin(SETTLE_MS);
  showSoon();
}

// ---- showing ------------------------------------------------------------------------------------------

function makeRow(id) {
  const cells = {
    name: element("span", { className: "name" }),
    tag: element("span", { className: "tag" }),
    place: element("span", { className: "place" }),
    share: element("span", { className: "share" }),
  };
  const row = element("tr", {}, [element("th", { scope: "row" }, [cells.name, cells.place, cells.tag, cells.share])]);
  for (const [name, className] of [["sales", "number"], ["transactions", "number wide"], ["customers", "number wide"], ["change", "number"]]) {
    cells[name] = row.appendChild(element("td", { className }));
    cells[name].dataset.cell = name;
  }
  row.dataset.store = id;
  return { row, cells };
}

/** Writes only what differs: hundreds of rows are shown again at every change. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

let shown = false;
function showSoon() {
  if (shown) return;
  shown = true;
  requestAnimationFrame(() => {
    shown = false;
    show();
  });
}

function show() {
  const wanted = $("filter").value.trim().toLowerCase();
  const all = [...stores.values()];
  const bySales = (one, other) => other.sums.sales - one.sums.sales || one.id.localeCompare(other.id);
  const byChange = (one, other) => other.changedAtMs - one.changedAtMs || bySales(one, other);
  all.sort(sortBy === "sales" ? bySales : byChange);
  const best = Math.max(1, ...all.map((store) => store.sums.sales));
  const matching = all.filter((store) => `${store.name} ${store.place} ${store.id}`.toLowerCase().includes(wanted));

  for (const { id, name, place, status, sums, changedAtMs, cells } of all) {
    write(cells.name, name);
    write(cells.place, [place, name === id ? "" : id].filter(Boolean).join(" · "));
    write(cells.tag, status);
    cells.tag.hidden = status === "active";
    write(cells.sales, exact.format(sums.sales));
    write(cells.transactions, whole.format(sums.transactions));
    write(cells.customers, whole.format(sums.customers));
    write(cells.change, changedAtMs ? clock.format(changedAtMs) : "–");
    cells.share.style.width = `${Math.max(0, (sums.sales / best) * 100).toFixed(2)}%`;
  }
  // A row that stands where it belongs is not touched, so that a selection and a reader's place survive.
  const rows = $("rows");
  matching.forEach(({ row }, place) => {
    if (rows.children[place] !== row) rows.insertBefore(row, rows.children[place] ?? null);
  });
  while (rows.children.length > matching.length) rows.lastChild.remove();
  all.filter((store) => store.flash).forEach(flash);

  const sums = measures();
  for (const store of all) for (const name of MEASURES) sums[name] += store.sums[name];
  write($("sum-sales"), whole.format(sums.sales));
  for (const name of MEASURES.slice(1)) write($(`sum-${name}`), whole.format(sums[name]));
  write($("sum-average"), sums.transactions > 0 ? exact.format(sums.sales / sums.transactions) : "–");
  write($("since"), Math.abs(sold) >= 0.005 ? `${signed.format(sold)} since ${clock.format(openedAt)}` : "");

  write($("count"), wanted ? `${matching.length} of ${all.length}` : all.length ? String(all.length) : "");
  $("table").hidden = all.length === 0;
  $("empty").hidden = all.length > 0 || !hasRead;
  $("none-match").hidden = all.length === 0 || matching.length > 0;
}

function flash(store) {
  store.flash = false;
  clearTimeout(store.flashTimer);
  store.row.classList.remove("flash");
  // Asking for a size in between makes the animation begin anew.
  void store.row.offsetWidth;
  store.row.classList.add("flash");
  store.flashTimer = setTimeout(() => store.row.classList.remove("flash"), FLASH_MS);
}

function tell(what, at, amount, note, direction = 0) {
  const item = element("li", {}, [
    element("span", { className: "what", textContent: what }),
    element("span", { className: `amount ${["down", "", "up"][direction + 1]}`, textContent: amount }),
    element("time", { className: "when", dateTime: at, textContent: clock.format(new Date(at)) }),
    element("span", { className: "note", textContent: note }),
  ]);
  $("ticker").prepend(item);
  while ($("ticker").children.length > TICKER_AT_MOST) $("ticker").lastChild.remove();
  $("quiet").hidden = true;
}

// ---- the connection -----------------------------------------------------------------------------------

const STATES = { idle: "connecting", connecting: "connecting", connected: "connected", waiting: "reconnecting", closed: "closed" };
let isResyncing = false;
let wasConnected = false;

function showStatus() {
  const status = live?.status ?? "idle";
  wasConnected ||= status === "connected";
  let state = STATES[status];
  // What follows a break is the same to whoever looks on, waiting or trying.
  if (state === "connecting" && wasConnected) state = "reconnecting";
  if (state === "connected" && isResyncing) state = "resyncing";
  $("status").dataset.state = state;
  write($("status-text"), state);
}

function resyncing(now) {
  isResyncing = now;
  showStatus();
}

function connect() {
  live = new EntrepotLive({
    url: "/ws",
    onStatus: (status) => {
      showStatus();
      // What could not be read while nobody was there.
      if (status === "connected" && !$("trouble").hidden) readWithin(50);
    },
    onResync: () => {
      resyncing(true);
      readWithin(50);
    },
    onError: ({ code, detail, topic }) => console.warn(code, detail, topic ?? ""),
    onClose: (code) => ended(code),
  });
  live.connect();
  showStatus();
  readWithin(0);
}

/** The server has closed for good: signed out elsewhere, or only a connection that outlived its time. */
async function ended(code) {
  const was = live;
  if (code === 4403) return leave("Access was withdrawn.");
  try {
    await call("/api/v2/me");
    setTimeout(() => live === was && live.connect(), 1_000);
  } catch (error) {
    if (error.status === 401) return leave("Your session has ended.");
    setTimeout(() => live === was && ended(code), RETRY_MS);
  }
}

// ---- the session --------------------------------------------------------------------------------------

function signedIn() {
  $("board").hidden = $("status").hidden = false;
  openedAt = new Date();
  connect();
}

function signedOut() {
  live?.close();
  live = null;
  followed.clear();
  for (const store of [...stores.values()]) forget(store);
  $("ticker").replaceChildren();
  $("quiet").hidden = false;
  sold = 0;
  wasConnected = isResyncing = hasRead = false;
  clearTimeout(readTimer);
  readAtMs = Infinity;
  $("board").hidden = $("status").hidden = true;
}

$("announcement-close").addEventListener("click", () => ($("announcement").hidden = true));
$("filter").addEventListener("input", showSoon);
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    sortBy = button.dataset.sort;
    for (const each of document.querySelectorAll("[data-sort]")) each.setAttribute("aria-pressed", String(each === button));
    showSoon();
  });
}

begin({ signedIn, signedOut });
