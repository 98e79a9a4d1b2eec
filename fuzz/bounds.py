"""How large a refusal may be, and how long an answer may take. Called by fuzz/run.py.

Of every answer that Schemathesis got, size and time are looked at (`of_counts`). It sends small requests, so large ones
are sent here: to every operation with a body one of unknown members, one of arrays with nothing right in them, one of
brackets and one long text, and to every GET long queries. A refusal, whatever of what was asked for was wrong, has at
most 64 KiB; no answer takes more than 10 seconds, which is generous, and meant for what hangs; and the server is well
afterwards. It is seen to fail with FUZZ_REFUSAL_BYTES=100.
"""

import functools
import json
import os
import urllib.parse

import asking

REFUSAL_BYTES = int(os.environ.get("FUZZ_REFUSAL_BYTES", 64 * 1024))
ANSWER_SECONDS = 10
# Below what a body may have by default, 10 MiB, so that it is read and judged.
LARGE, SHORT = 9_000_000, 1_000_000
# Below what a target may have, 8 KiB.
LONG_QUERY = 7_500
# They have no end, or another protocol; the shape of the query is judged before that.
STREAMS = {"stream_events", "open_web_socket", "open_web_socket_v2"}
ID = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"
VALUES = {"year": "2024", "month": "1", "job": "1", "variant": "thumb", "store": "nosuch", "queue": "inventory"}


def judged(what, status, size, seconds):
    """What is wrong with an answer."""
    faults = []
    if status >= 400 and size > REFUSAL_BYTES:
        faults.append(f"{what}: a refusal ({status}) of {size} bytes; {REFUSAL_BYTES} are the most")
    if seconds > ANSWER_SECONDS:
        faults.append(f"{what}: {status or 'no answer'} after {seconds:.1f} s; {ANSWER_SECONDS} are the most")
    return faults


def of_counts(role, counts):
    """What is wrong with the answers of a run, one of each kind. Lines: operation, status, bytes, seconds."""
    worst = {}
    for line in counts.read_text().splitlines():
        operation, status, size, seconds = line.split()
        for fault in judged(f"as {role}: {operation}", int(status), int(size), float(seconds)):
            worst.setdefault((operation, fault.split(";")[1]), fault)
    return list(worst.values())


def resolved(document, schema):
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def members_of(document, schema):
    """The members that a body of this schema may have."""
    schema = resolved(document, schema)
    members = dict(schema.get("properties", {}))
    for part in [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        members.update(members_of(document, part))
    return members


def kinds_of(document, schema):
    """array, object, string and so on: what a member may be."""
    schema = resolved(document, schema)
    kinds = schema.get("type", [])
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    for part in [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        found |= kinds_of(document, part)
    return found


@functools.lru_cache
def unknown_members(size):
    """As an object whose members nobody knows: each is a fault of its own."""
    each = len('"00000":0,')
    return "{" + ",".join(f'"{number:05x}":0' for number in range(size // each)) + "}"


def json_bodies(document, schema, size):
    """Bodies of about this size with as much wrong as fits, by what is wrong with them."""
    members = members_of(document, schema)
    yield "unknown members", unknown_members(size)
    yield "an array where an object belongs", "[" + ",".join(["{}"] * min(100_000, size // 3)) + "]"
    yield "brackets", "[" * (size // 2) + "]" * (size // 2)
    arrays = [name for name, member in members.items() if "array" in kinds_of(document, member)]
    for name in arrays:
        # Every element is a fault, or has several.
        yield f"100,000 faults in {name}", json.dumps({name: [{}] * min(100_000, size // 4)})
        yield f"100,000 numbers in {name}", json.dumps({name: list(range(min(100_000, size // 8)))})
    objects = [name for name, member in members.items() if "object" in kinds_of(document, member)]
    for name in objects:
        yield f"unknown members of {name}", f'{{"{name}":{unknown_members(size)}}}'
    texts = [name for name, member in members.items() if "string" in kinds_of(document, member)]
    for name in texts[:1]:
        yield f"a long {name}", json.dumps({name: "x" * size})
    # As they are keys, too.
    yield "a member with a long name", json.dumps({"x" * size: 0})


def bodies(document, content, size):
    """Of an operation: what is wrong, the media type and the bytes."""
    for media_type, described in content.items():
        if "json" in media_type and "ndjson" not in media_type:
            for what, text in json_bodies(document, described.get("schema", {}), size):
                yield what, media_type, text.encode()
        elif "text/csv" in media_type:
            yield "lines without sense", media_type, b"storeId,year,month,day,sales\n" + b"a,b,c,d,e\n" * (size // 10)
            yield "columns nobody knows", media_type, ",".join(f"c{number}" for number in range(size // 8)).encode()
        elif "ndjson" in media_type:
            yield "lines without sense", media_type, b"{}\n" * (size // 3)
            yield "a line without an end", media_type, b'{"' + b"x" * size
        else:
            yield "rubbish", media_type, b"\0" * size


def queries(parameters):
    """Long queries of a GET, by what is wrong with them."""
    yield "parameters that nobody knows", "&".join(str(number) for number in range(LONG_QUERY // 5))
    yield "one unknown parameter", "x" * LONG_QUERY
    yield "an unknown parameter and its value", "x=" + "%00" * (LONG_QUERY // 3)
    for name in parameters:
        quoted = urllib.parse.quote(name)
        yield f"a long {name}", f"{quoted}=" + "x" * (LONG_QUERY - len(quoted))
        yield f"a list for {name}", f"{quoted}=" + ",".join(f"{number:x}" for number in range(LONG_QUERY // 5))
        yield f"{name} many times", "&".join([f"{quoted}=~"] * (LONG_QUERY // (len(quoted) + 3)))


LONG_FIELDS = [
    ("accept", ",".join(f"a/b{number}" for number in range(900))),
    ("if-none-match", ",".join(f'"{number}"' for number in range(900))),
    ("idempotency-key", "x" * 7_000),
    ("entrepot-at-least", "9" * 7_000),
    ("range", "bytes=" + ",".join(f"{number}-{number}" for number in range(700))),
]


class Probing:
    def __init__(self, base, document, admin, short):
        self.base, self.document, self.admin = base, document, admin
        self.size = SHORT if short else LARGE
        self.asked, self.faults = 0, []
        self.largest = (0, "")

    def ask(self, operation, method, target, what, body=None, fields=None):
        own = self.admin.fields if operation.get("security") else {}
        # A stream of events that begins, as the query was good after all, is given up soon.
        timeout = 3 if operation["operationId"] in STREAMS else 40
        answer = asking.ask(self.base, method, target, {**own, **(fields or {})}, body, timeout=timeout)
        self.asked += 1
        what = f"{method} {target[:120]} with {what}"
        if answer.status >= 400 and answer.size > self.largest[0]:
            self.largest = (answer.size, what)
        if answer.status == 0 and operation["operationId"] not in STREAMS and body is None:
            # With a large body the connection may be cut: then it was refused before it was read.
            self.faults.append(f"{what}: no answer")
        if answer.status in (500, 502):
            self.faults.append(f"{what}: {answer.status} {answer.body[:300]!r}")
        size = answer.size + (0 if answer.whole else 1)
        if operation["operationId"] not in STREAMS or answer.status:
            self.faults += judged(what, answer.status, size, answer.seconds)

    def operation(self, method, path, operation):
        target = path
        names = [parameter["name"] for parameter in operation.get("parameters", []) if "name" in parameter]
        for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            target = target.replace(f"{{{name}}}", VALUES.get(name, ID))
        content = operation.get("requestBody", {}).get("content", {})
        for what, media_type, body in bodies(self.document, content, self.size):
            self.ask(operation, method, target, f"{what}, {len(body)} bytes", body, {"content-type": media_type})
        if method == "GET":
            of_query = [
                parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("in") == "query"
            ]
            for what, query in queries(of_query):
                self.ask(operation, method, f"{target}?{query}", what)
        if target != path:
            last = path[: path.index("{")] + "x" * LONG_QUERY
            self.ask(operation, method, last, "a long path", {} if content else None)
        for name, value in LONG_FIELDS:
            # Only where it is read; what changes things is not asked for without a body that is wrong.
            if method == "GET" or (name == "idempotency-key" and "Idempotency-Key" in names and content):
                self.ask(operation, method, target, f"a long {name}", b"[]" if content else None, {name: value})


def run(base, environment, document, short, say):
    """Sends what is large to every operation; gives the findings."""
    probing = Probing(base, document, asking.admin(base, environment), short)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                probing.operation(method.upper(), path, operation)
    size, what = probing.largest
    say(f"{probing.asked} large requests; the largest refusal had {size} bytes: {what}")
    health = asking.ask(base, "GET", "/health")
    if health.status != 200:
        probing.faults.append(f"the server is not well after large requests: GET /health: {health.status}")
    # One of a kind is enough.
    return probing.faults[:40] + ([f"and {len(probing.faults) - 40} more"] if len(probing.faults) > 40 else [])
