"""Two people of one role, A and B: nothing of A's may be seen, changed or taken away by B. Called by fuzz/run.py.

For each role and for API keys A makes what the role may make: an export, a report, a schedule, a key, a session, an
entry in the inbox, a product. Then B asks for every operation of the document in which the role's reach is `own` and
that names such a thing, with A's ids: anything but 403, 404 or 410 is a finding. So is an answer to B that has a mark
of A's in it, and a thing of A's that is not as it was. Where the reach is narrowed by stores, A and B are tied to one
store each, whatever their role, and the mark is the name of A's store.

What keeps this from proving nothing: with the same ids A gets what B is refused, and a role that crossed no operation,
or a thing that the role may make and that could not be made, is a finding as well. It is seen to fail with
FUZZ_CROSS_ONESELF=1: then B is A.
"""

import os
import re
import struct
import time
import uuid
import zlib

import asking

PASSWORD = "four rainy days in Bergen"
REFUSED = {403, 404, 410}
# What takes a thing away comes last.
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
STREAMS = {"stream_events", "open_web_socket", "open_web_socket_v2"}
# To which stores somebody is tied is told, by id, to those who may see accounts.
TELL_TIES = {"list_users", "list_audit", "export_audit"}

# A body that would be good, so that what refuses it is whose the thing is. An operation that is not here is sent {}.
BODIES = {
    "update_api_key": {"name": "taken"},
    "update_product": {"stock": 7},
    "add_product_image": {"url": "https://shop.example/taken.jpg"},
    "put_sales": {"dailyData": {"2": {"sales": 1}}},
    "update_sales": {"dailyData": {"2": {"sales": 1}}},
}


def png():
    """One pixel."""
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class Operation:
    def __init__(self, method, path, raw):
        self.method, self.path, self.raw = method.upper(), path, raw
        self.id = raw["operationId"]
        self.roles = raw.get("x-entrepot-roles", {})
        self.names = re.findall(r"{(\w+)}", path)
        self.by_key = {"apiKey": []} in raw.get("security", [])

    def reach(self, role):
        """How far the role reaches: all, own, store, or not at all. An API key is a manager's here."""
        if role == "api-key":
            return self.roles.get("manager") if self.by_key else None
        return self.roles.get(role)

    def target(self, things):
        path = self.path
        for name in self.names:
            path = path.replace(f"{{{name}}}", str(things[name]))
        return path


def operations_of(document):
    found = [
        Operation(method, path, raw)
        for path, item in document["paths"].items()
        for method, raw in item.items()
        if isinstance(raw, dict) and "operationId" in raw
    ]
    return sorted(found, key=lambda operation: METHODS.index(operation.method))


class Pair:
    """A and B of one role, and what is A's."""

    def __init__(self, base, admin, role, scopes, tied=False):
        self.base, self.admin, self.role, self.scopes = base, admin, role, scopes
        self.mark = f"mark{uuid.uuid4().hex[:12]}"
        self.things, self.faults, self.crossed = {}, [], 0
        self.stores = [f"cross-{uuid.uuid4().hex[:8]}" for _ in range(2)] if tied or role == "staff" else None
        if self.stores:
            for store, name in zip(self.stores, (f"{self.mark} store", "another"), strict=True):
                admin.must("PUT", f"/api/v2/stores/{store}", {"name": name})
            admin.must("PUT", f"/api/v2/sales/{self.stores[0]}/2026/1", {"dailyData": {"1": {"sales": 12.5}}})
            self.things.update(store=self.stores[0], year=2026, month=1)
        self.a = self.person(self.mark, 0)
        self.b = self.a if os.environ.get("FUZZ_CROSS_ONESELF") else self.person(f"other{uuid.uuid4().hex[:12]}", 1)

    def person(self, name, number):
        role = "manager" if self.role == "api-key" else self.role
        email = f"{name}@shop.example"
        body = {"email": email, "name": name, "password": PASSWORD, "role": role}
        if self.stores:
            body["stores"] = [self.stores[number]]
        self.admin.must("POST", "/api/v2/users", body)
        return asking.Person(self.base, email, PASSWORD, self.scopes if self.role == "api-key" else None)

    def fault(self, text):
        self.faults.append(f"two people as {self.role}{' tied to stores' if self.stores else ''}: {text}")

    def may(self, action):
        return action in self.scopes

    def prepare(self):
        """Makes what is A's. Things that only a signed-in person may make are made by one."""
        a = self.a
        signed_in = asking.Person(self.base, a.email, PASSWORD)
        self.session_of_a = signed_in
        self.things["session"] = next(
            session["id"] for session in signed_in.must("GET", "/api/v2/me/sessions")["data"] if session["current"]
        )
        key = signed_in.must("POST", "/api/v2/api-keys", {"name": self.mark, "scopes": ["profile.read"]})
        self.things["key"] = key["id"]
        if self.may("exports.write"):
            self.things["export"] = a.must("POST", "/api/v2/exports", {"kind": "sales"})["id"]
        if self.may("reports.write"):
            order = {"kind": "sales", "parameters": {"period": "last-year"}}
            self.things["report"] = a.must("POST", "/api/v2/reports", order)["id"]
            schedule = {"kind": "sales", "pattern": "0 6 * * 1", "mailTo": f"{self.mark}@shop.example"}
            self.things["schedule"] = a.must("POST", "/api/v2/reports/schedules", schedule)["id"]
            self.wait_for_news()
        if self.may("products.write") and self.role == "seller":
            product = {"sku": self.mark, "title": "Tea", "price": {"amount": "2.50", "currency": "EUR"}, "stock": 3}
            self.things["product"] = a.must("POST", "/api/v2/products", product)["id"]
            image = {"url": f"https://shop.example/{self.mark}.jpg"}
            self.things["image"] = a.must("POST", f"/api/v2/products/{self.things['product']}/images", image)["id"]

    def wait_for_news(self):
        """The report's being ready is told in A's inbox; nobody else puts anything there."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            data = self.session_of_a.must("GET", "/api/v2/me/notifications?limit=1")["data"]
            if data:
                self.things["notification"] = data[0]["id"]
                return
            time.sleep(0.2)
        self.fault("a report that A ordered was not ready after a minute")

    def marks(self):
        """What stands in A's answers and must in none of B's. A product and its images are everybody's to see."""
        public = {"year", "month", "product", "image", "queue"}
        return [self.mark, self.a.id] + [str(value) for name, value in self.things.items() if name not in public]

    def look(self, operation, target, answer):
        """Whether something of A's stands in an answer to B, but for what B named itself."""
        for mark in self.marks():
            if mark not in target and mark.encode() in answer.body:
                self.fault(f"{operation.method} {operation.path} shows B what is A's ({mark}): {answer.body[:400]!r}")
                return


def body_of(operation):
    content = list(operation.raw.get("requestBody", {}).get("content", {}))
    if "image/png" in content:
        return png(), {"content-type": "image/png"}
    if content:
        return BODIES.get(operation.id, {}), {}
    return None, {}


def cross(pair, operation):
    """B asks for a thing of A's."""
    body, fields = body_of(operation)
    target = operation.target(pair.things)
    if operation.method == "GET":
        # That the ids are A's and good is seen by A itself; a file may not be there yet.
        own = pair.a.ask("GET", target)
        if not (200 <= own.status < 300 or own.status == 409):
            pair.fault(f"A gets {own.status} for its own {operation.method} {target}: {own.body[:300]!r}")
    answer = pair.b.ask(operation.method, target, body, fields)
    pair.crossed += 1
    known = operation.id in BODIES or not isinstance(body, dict)
    bad = answer.status not in REFUSED if known else answer.status < 400 or answer.status >= 500
    if bad:
        pair.fault(f"B gets {answer.status} for A's {operation.method} {target}: {answer.body[:300]!r}")
    pair.look(operation, target, answer)


def lists(pair, operations):
    """What B sees without naming anything: lists, sums, its own account, and what it does to all that is its own."""
    for operation in operations:
        if operation.names or operation.id in STREAMS or operation.method != "GET":
            continue
        reach = operation.reach(pair.role)
        if reach in ("own", "store"):
            pair.look(operation, operation.path, pair.b.ask("GET", operation.path + limit_of(operation)))
            pair.crossed += 1
    pair.b.ask("POST", "/api/v2/me/notifications/read")
    if pair.role != "api-key":
        pair.b.ask("DELETE", "/api/v2/me/sessions")
    answer = pair.b.ask("GET", f"/api/v2/events?topics=user-{pair.a.id}", timeout=3, most=1024)
    if answer.status not in REFUSED:
        pair.fault(f"B follows A's own topic: {answer.status}")


def limit_of(operation):
    names = {parameter.get("name") for parameter in operation.raw.get("parameters", [])}
    return "?limit=200" if "limit" in names else ""


def same_key(pair):
    """The Idempotency-Key that A used does not give B what A got."""
    if "export" not in pair.things:
        return
    fields = {"idempotency-key": pair.mark}
    of_a = pair.a.ask("POST", "/api/v2/exports", {"kind": "sales"}, fields)
    of_b = pair.b.ask("POST", "/api/v2/exports", {"kind": "sales"}, fields)
    replayed = "idempotent-replayed" in of_b.fields
    if of_a.status == 202 and (replayed or (of_b.json() or {}).get("id") == (of_a.json() or {}).get("id")):
        pair.fault("B is given what A got, by A's Idempotency-Key")


def intact(pair):
    """What is A's is as it was."""
    me = pair.session_of_a.ask("GET", "/api/v2/me")
    if me.status != 200:
        pair.fault(f"A's session has ended: {me.status}")
        return
    inbox = pair.session_of_a.must("GET", "/api/v2/me/notifications?limit=200")["data"]
    news = pair.things.get("notification")
    if news and not any(entry["id"] == news and entry["readAt"] is None for entry in inbox):
        pair.fault("what was unread in A's inbox is gone or read")
    keys = pair.session_of_a.must("GET", "/api/v2/api-keys?limit=200")["data"]
    if not any(key["id"] == pair.things["key"] and key["name"] == pair.mark for key in keys):
        pair.fault("A's key is gone or changed")
    for kind, path in [("export", "exports"), ("report", "reports")]:
        if kind in pair.things:
            answer = pair.a.ask("GET", f"/api/v2/{path}/{pair.things[kind]}")
            if answer.status != 200 or (answer.json() or {}).get("status") == "cancelled":
                pair.fault(f"A's {kind} is gone: {answer.status} {answer.body[:300]!r}")
    if "schedule" in pair.things:
        listed = pair.a.must("GET", "/api/v2/reports/schedules?limit=200")["data"]
        if not any(schedule["id"] == pair.things["schedule"] for schedule in listed):
            pair.fault("A's schedule is gone")
    if pair.stores:
        store, year, month = (pair.things[name] for name in ("store", "year", "month"))
        sales = pair.admin.must("GET", f"/api/v2/sales/{store}/{year}/{month}")
        if "2" in sales["dailyData"]:
            pair.fault("B has written what A's store sold")
    if "product" in pair.things:
        product = pair.a.ask("GET", f"/api/v2/products/{pair.things['product']}")
        found = product.json() or {}
        if product.status != 200 or found.get("stock") != 3 or len(found.get("images", [])) != 1:
            pair.fault(f"A's product is not as it was: {product.status} {product.body[:300]!r}")


def own(pair, operations):
    """Everything that a role may do to its own, done by B to what is A's."""
    pair.prepare()
    lists(pair, operations)
    for operation in operations:
        reach = operation.reach(pair.role)
        if reach not in ("own", "store") or not operation.names:
            continue
        missing = [name for name in operation.names if name not in pair.things]
        if not missing:
            cross(pair, operation)
        elif missing != ["notification"] or pair.may("reports.write"):
            # Who may order no report has no news.
            pair.fault(f"{operation.id} was not crossed: there is no {', '.join(missing)} of A's")
    same_key(pair)
    intact(pair)
    if not pair.crossed:
        pair.fault("nothing was crossed")


def tied(pair, operations):
    """Whatever the role, who is tied to a store sees nothing of another's, in no list, sum or log."""
    # By then the audit log, which follows the feed, has what happened to A's store.
    until = time.monotonic() + 10
    while time.monotonic() < until and pair.mark.encode() not in pair.admin.ask("GET", "/api/admin/audit?limit=200").body:
        time.sleep(0.1)
    pair.things["queue"] = "analytics"
    for operation in operations:
        if operation.method != "GET" or operation.id in STREAMS or not operation.reach(pair.role):
            continue
        if not operation.names:
            answer = pair.b.ask("GET", operation.path + limit_of(operation))
        elif set(operation.names) <= {"store", "year", "month", "queue"}:
            answer = pair.b.ask("GET", operation.target(pair.things))
            if "store" in operation.names and answer.status not in REFUSED:
                pair.fault(f"B gets {answer.status} for {operation.target(pair.things)}: {answer.body[:300]!r}")
        else:
            continue
        pair.crossed += 1
        shows_id = pair.stores[0].encode() in answer.body and operation.id not in TELL_TIES and "store" not in operation.names
        if f"{pair.mark} store".encode() in answer.body or shows_id:
            pair.fault(f"GET {operation.path} shows B the store of A: {answer.body[:400]!r}")
    if not pair.crossed:
        pair.fault("nothing was crossed")


def run(base, environment, document, roles, scopes, say):
    """Crosses two people of each role; gives the findings. `scopes` has the actions of each role."""
    admin = asking.admin(base, environment)
    operations = operations_of(document)
    faults = []
    for role in roles:
        if role == "nobody":
            continue
        for ties, check in [(False, own), (True, tied)]:
            if ties and (role == "api-key" or "stores.read" not in scopes(role)):
                continue
            try:
                pair = Pair(base, admin, role, scopes(role), ties)
                check(pair, operations)
            except (RuntimeError, KeyError, TypeError, StopIteration) as error:
                faults.append(f"two people as {role}: this could not be prepared: {error!r}")
                continue
            say(f"two people as {role}{', tied to stores' if ties else ''}: {pair.crossed} operations crossed")
            faults += pair.faults
    return faults
