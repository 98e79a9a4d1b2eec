"""Fuzzes the API of a server of its own, as every role, and tells what came of it. Called by script/fuzz."""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import bounds
import crossing

HERE = pathlib.Path(__file__).resolve().parent
ROLES = ["nobody", "admin", "manager", "staff", "driver", "seller", "customer", "auditor", "api-key"]
PEOPLE = [role for role in ROLES if role not in ("nobody", "api-key")]

# Left out, because they do not fit:
# - positive_data_acceptance: the document cannot say that a product must exist or a name must be free.
# - negative_data_rejection: query parameters are text on the wire, so `1` sent for a string is valid, and a
#   header field that is not known is ignored, as HTTP has it.
# - missing_required_header: no operation has one.
# - unsupported_method, allow_header_conformance: the server's tests have them.
# - ignored_auth, object_level_authorization: they know nothing of roles; the server's tests go through the
#   whole table of rights, and `crossing` through what is somebody's own.
# - use_after_free, ensure_resource_availability: other requests change the same things meanwhile, and a
#   product that was deleted answers 410.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]
# A 503 is fine where the document has it; status_code_conformance sees to that. A stream has no end: its
# first events are looked at.
SETTINGS = """
request-timeout = 35
max-stream-events = 3

[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]

[[operations]]
include-operation-id = "stream_events"
request-timeout = 2
"""

# They want a token that was mailed, or a change of protocol.
UNREACHABLE = {"verify_email", "reset_password", "open_web_socket", "open_web_socket_v2"}


def main():
    arguments = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Also where the shell had started this in the background, and so with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="entrepot-fuzz-"))
    # Started by root, the private PostgreSQL runs as another user, who must be able to get here.
    folder.chmod(0o755)
    try:
        sys.exit(fuzz(arguments, folder))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        remove(folder)


def remove(folder):
    cluster = folder / "data" / "postgres"
    if cluster.is_symlink():
        # It was put elsewhere, where the user that runs it can get to it.
        shutil.rmtree(cluster.resolve(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def parse():
    parser = argparse.ArgumentParser(prog="script/fuzz", add_help=False)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--role", choices=ROLES, action="append")
    parser.add_argument("--program", type=pathlib.Path, required=True)
    return parser.parse_args()


def fuzz(arguments, folder):
    environment = own_environment()
    document = folder / "openapi.json"
    with open(document, "wb") as file:
        subprocess.run([arguments.program, "openapi"], stdout=file, env=environment, check=True)
    described = json.loads(document.read_text())
    operations = operations_of(described)
    roles = arguments.role or ROLES
    (folder / "schemathesis.toml").write_text(SETTINGS)
    faults = []
    rows = []
    seen = set()
    with Server(arguments.program, folder, environment) as server:
        say(f"{server.base}, seed {arguments.seed} (--seed {arguments.seed} makes the same choices)")
        actions = lambda role: scopes(role, arguments.program, environment)
        # First, as long as there is little that somebody's marks could hide in.
        faults += crossing.run(server.base, environment, described, roles, actions, say)
        for role in roles:
            rows.append(run_role(role, arguments, folder, environment, server, operations, faults, seen))
        if not arguments.role:
            faults += bounds.run(server.base, environment, described, arguments.short, say)
        faults += server.faults()
    faults += log_faults(folder)
    table(rows)
    for fault in faults:
        print(f"\n{fault}")
    if faults:
        print(f"\nerror: {len(faults)} faults; with the same choices again: script/fuzz --seed {arguments.seed}", file=sys.stderr)
    return 1 if faults else 0


def own_environment():
    """The environment without what would set the server up in another way than is meant here."""
    foreign = re.compile(r"^(ENTREPOT_|DATABASE_URL$|REDIS_URL$|DB_|LOG_|CACHE_|RATE_LIMIT_|HOST$|PORT$|SCHEMATHESIS_)")
    kept = {name: value for name, value in os.environ.items() if not foreign.match(name)}
    return kept | {
        "LOG_FORMAT": "json",
        "ENTREPOT_ADMIN_EMAIL": "admin@shop.example",
        "ENTREPOT_ADMIN_PASSWORD": "five rainy days in Bergen",
        "ENTREPOT_RATE_LIMITS_ENABLED": "false",
        "ENTREPOT_GUARD_SUSPICION": "false",
        "ENTREPOT_AUTH_HASH_MEMORY_KIB": "64",
        "ENTREPOT_AUTH_HASH_PASSES": "1",
        "ENTREPOT_AUTH_ACCESS_TOKEN_S": "3600",
    }


def operations_of(document):
    """Who may call what, as the document has it: of each role the ids of its operations."""
    found = {role: set() for role in ROLES}
    for item in document["paths"].values():
        for operation in item.values():
            if not isinstance(operation, dict) or "operationId" not in operation:
                continue
            ways, roles = operation.get("security"), operation.get("x-entrepot-roles", {})
            for role in ROLES:
                # An API key is a manager's here.
                by_key = role == "api-key" and "manager" in roles and {"apiKey": []} in ways
                if not ways or role in roles or by_key:
                    found[role].add(operation["operationId"])
    return found


class Server:
    """A server on a database of its own, which ends with it."""

    def __init__(self, program, folder, environment):
        self.folder = folder
        command = [program, "--data", folder / "data"]
        seed = subprocess.run(
            [*command, "seed", "--profile", "sample"], env=environment, capture_output=True, text=True, check=False
        )
        if seed.returncode:
            sys.exit(f"error: entrepot seed failed: {seed.stderr}")
        with open(folder / "log", "wb") as log:
            # In a session of its own, so that Ctrl-C does not reach it before its time.
            self.process = subprocess.Popen(
                [*command, "serve", "--port", "0"], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.base = f"http://{self.address()}"
        except BaseException:
            self.end()
            raise

    def address(self):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            for line in log_lines(self.folder):
                if line.get("message") == "ready":
                    return line["address"]
            time.sleep(0.05)
        sys.exit(f"error: the server did not start: {(self.folder / 'log').read_text()}")

    def faults(self):
        if self.process.poll() is not None:
            return [f"the server has ended by itself, with {self.process.returncode}"]
        try:
            with urllib.request.urlopen(f"{self.base}/health", timeout=10) as answer:
                status = json.load(answer)["status"]
        except (OSError, ValueError) as error:
            return [f"the server is not well at the end: GET /health: {error}"]
        return [] if status == "healthy" else [f"the server is not well at the end: GET /health says {status}"]

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def log_lines(folder):
    for text in (folder / "log").read_text(errors="replace").splitlines():
        try:
            yield json.loads(text)
        except ValueError:
            continue


def log_faults(folder):
    faults = []
    panics = [line for line in (folder / "log").read_text(errors="replace").splitlines() if "panicked" in line]
    faults += [f"the server's log has a panic: {line[:2000]}" for line in panics[:5]]
    errors = collections.Counter()
    first = {}
    for line in log_lines(folder):
        if str(line.get("level")).lower() == "error":
            kind = (line.get("target"), line.get("message"))
            errors[kind] += 1
            first.setdefault(kind, line)
    return faults + [
        f"the server's log has {count} lines of level error like {json.dumps(first[kind])[:2000]}"
        for kind, count in errors.items()
    ]


def phases(role, short):
    """What Schemathesis does as this role: its phases and how many examples for each operation."""
    if not short:
        # Coverage goes through every boundary of every parameter, always the same; fuzzing is by chance.
        return [("examples,coverage,fuzzing", 45), ("stateful", 6)]
    # Who may the most is who gets the furthest.
    return [("coverage", 1), ("fuzzing", 6)] if role == "admin" else [("fuzzing", 6)]


def run_role(role, arguments, folder, environment, server, operations, faults, seen):
    say(f"as {role}")
    started = time.monotonic()
    counts = folder / f"counts-{role}"
    counts.touch()
    document = folder / "openapi.json"
    for number, (names, examples) in enumerate(phases(role, arguments.short)):
        command = [
            pathlib.Path(sys.executable).with_name("schemathesis"), "--config-file", folder / "schemathesis.toml",
            "run", document, "--url", server.base, "--phases", names, "--max-examples", str(examples),
            "--checks", ",".join(CHECKS), "--mode", "all", "--seed", str(arguments.seed), "--continue-on-failure",
            "--no-shrink", "--generation-database", "none", "--suppress-health-check", "all",
            "--warnings", "off", "--no-color", "--output-sanitize", "false",
        ]
        own = environment | {
            "SCHEMATHESIS_HOOKS": "hooks",
            "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "FUZZ_BASE": server.base,
            "FUZZ_ROLE": role,
            "FUZZ_SEED": f"{arguments.seed}-{number}",
            "FUZZ_COUNTS": str(counts),
            "FUZZ_DOCUMENT": str(document),
            "FUZZ_SCOPES": ",".join(scopes(role, arguments.program, environment)),
        }
        try:
            done = subprocess.run(
                command, env=own, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace", timeout=120 if arguments.short else 1800, check=False,
            )
        except subprocess.TimeoutExpired:
            faults.append(f"as {role}: {names} took too long")
            continue
        if done.returncode:
            faults += told(role, done.stdout, seen)
    row = summary(role, counts, time.monotonic() - started)
    faults += worth(role, counts, operations, row, arguments.short)
    faults += bounds.of_counts(role, counts)
    return row


def scopes(role, program, environment, known={}):
    """The actions that a role has, by the program's own table."""
    if not known:
        text = subprocess.run([program, "permissions"], env=environment, capture_output=True, text=True, check=True)
        lines = [line.split() for line in text.stdout.splitlines()]
        head = lines[0]
        for line in lines[1:]:
            if len(line) > len(PEOPLE) and "." in line[0]:
                for name in PEOPLE:
                    if line[head.index(name)] != "-":
                        known.setdefault(name, []).append(line[0])
    return known["manager" if role == "api-key" else "customer" if role == "nobody" else role]


def told(role, output, seen):
    """What Schemathesis says of errors and failures, with the requests that show them; what another role has
    shown before in one line."""
    found = re.search(r"^=+ (ERRORS|FAILURES) =+$", output, re.MULTILINE)
    if not found:
        return [f"as {role}:\n{output[-4000:]}"]
    text = output[found.start():]
    end = re.search(r"^=+ (WARNINGS|SUMMARY) =+$", text, re.MULTILINE)
    text = text[: end.start()] if end else text
    # The server is gone by then, and its tokens and recordings with it.
    text = re.sub(r"^ +st replay .*\n\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"'Authorization: Bearer [^']*'", '"Authorization: Bearer $TOKEN"', text)
    text = re.sub(r"'X-Api-Key: [^']*'", '"X-Api-Key: $KEY"', text)
    faults = []
    for part in re.split(r"^(?=_+ .+ _+$)", text, flags=re.MULTILINE)[1:]:
        part = re.split(r"^=+ \w+ =+$|^Need more help", part, flags=re.MULTILINE)[0].rstrip()
        what = part.splitlines()[0].strip("_ ")
        signs = re.findall(r"^- .*$|^Error in .*$", part, re.MULTILINE)
        again = (what, *signs) in seen
        seen.add((what, *signs))
        faults.append(f"as {role}: {what}: the same as before: {'; '.join(signs)}" if again else f"as {role}: {part}")
    return faults


def calls(counts):
    for line in counts.read_text().splitlines():
        operation, status, _bytes, _seconds = line.split()
        yield operation, int(status)


def summary(role, counts, seconds):
    row = collections.Counter()
    for _, status in calls(counts):
        row["requests"] += 1
        row[str(status) if status in (401, 403) else f"{status // 100}xx"] += 1
    return {"role": role, **row, "seconds": seconds}


def worth(role, counts, operations, row, short):
    """Whether the role got anywhere: a run that only saw closed doors proves nothing."""
    may = operations[role] - UNREACHABLE
    if "order_report" not in may:
        # Nothing but a report that is ready gets into an inbox.
        may -= {"read_notification", "delete_notification"}
    done = {operation for operation, status in calls(counts) if 200 <= status < 300}
    missed = sorted(may - done)
    allowed = len(may) // 3 if short else 3
    faults = []
    if len(missed) > allowed:
        faults.append(f"as {role}: {len(missed)} of {len(may)} permitted operations never succeeded, which makes "
                      f"the run worthless: {', '.join(missed)}")
    if row.get("0xx"):
        faults.append(f"as {role}: {row['0xx']} requests got no answer")
    return faults


def table(rows):
    columns = ["role", "requests", "2xx", "401", "403", "other 4xx", "5xx", "seconds"]
    lines = []
    for row in rows:
        cells = {**row, "other 4xx": row.get("4xx", 0), "seconds": round(row["seconds"], 1)}
        lines.append([cells.get(column, 0) for column in columns])
    lines.append(["all", *(round(sum(line[column] for line in lines), 1) for column in range(1, len(columns)))])
    print()
    print(f"{columns[0]:<10}" + "".join(f"{column:>11}" for column in columns[1:]))
    for line in lines:
        print(f"{line[0]:<10}" + "".join(f"{cell:>11}" for cell in line[1:]))


def say(text):
    print(f"\033[1m==>\033[0m {text}", flush=True)


if __name__ == "__main__":
    main()
