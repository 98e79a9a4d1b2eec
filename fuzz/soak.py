"""Some minutes of ordinary work on a server of its own: whether anything fails, or grows. Called by script/nightly.

What it holds the server to: no answer of 500 and no cut connection; a 503 says when to come back, and is rare; no line
of level error in the log; healthy at the end; memory, descriptors and threads of the last quarter about as in the
second, when the caches are warm. How fast it is gets printed, and judged by nobody. It is seen to fail with
`--growth-mib -10000`.
"""

import argparse
import collections
import itertools
import pathlib
import random
import statistics
import sys
import tempfile
import threading
import time

import asking
import run

WORKERS = 6
# Between two requests of a worker: some hundred requests a second in all, which leaves room on two cores.
PAUSE_SECONDS = 0.03


def main():
    parser = argparse.ArgumentParser(prog="fuzz/soak.py")
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--growth-mib", type=int, default=64, help="what memory may grow by, besides a quarter")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="entrepot-soak-"))
    folder.chmod(0o755)
    try:
        return soak(arguments, folder)
    finally:
        run.remove(folder)


def soak(arguments, folder):
    environment = run.own_environment()
    with run.Server(arguments.program.resolve(), folder, environment) as server:
        run.say(f"{server.base}, {arguments.minutes:g} minutes, seed {arguments.seed}")
        admin = asking.admin(server.base, environment)
        admin.must("PUT", "/api/v2/stores/soak", {"name": "Soak"})
        work = Work(server, admin, time.monotonic() + arguments.minutes * 60)
        threads = [
            threading.Thread(target=work.go, args=(random.Random(f"{arguments.seed} {number}"), number), daemon=True)
            for number in range(WORKERS)
        ] + [threading.Thread(target=work.follow, daemon=True)]
        for thread in threads:
            thread.start()
        samples = sample(server.process.pid, work)
        for thread in threads:
            thread.join(timeout=60)
        faults = work.faults() + server.faults()
        if any(thread.is_alive() for thread in threads):
            faults.append("a request has not ended a minute after the end")
    faults += run.log_faults(folder)
    faults += grown(samples, arguments.growth_mib)
    for fault in faults:
        print(f"\n{fault}")
    return 1 if faults else 0


class Work:
    """What the workers do, and what came of it."""

    def __init__(self, server, admin, until):
        self.server, self.admin, self.until = server, admin, until
        self.products = [product["id"] for product in admin.must("GET", "/api/v2/products?limit=100")["data"]]
        self.lock = threading.Lock()
        self.statuses = collections.Counter()
        self.seconds = []
        self.strange = {}
        self.numbers = itertools.count(1)

    def go(self, chance, number):
        every = [self.read] * 14 + [self.write] * 5 + [self.refused]
        began = time.monotonic()
        while time.monotonic() < self.until:
            # One of them orders exports and reports now and then; jobs make them.
            if number == 0 and time.monotonic() - began > 20:
                began = time.monotonic()
                self.tell("POST", "/api/v2/exports", {"kind": "sales"})
                self.tell("POST", "/api/v2/reports", {"kind": "sales", "parameters": {"period": "last-year"}})
            chance.choice(every)(chance)
            time.sleep(PAUSE_SECONDS)

    def read(self, chance):
        product = chance.choice(self.products)
        self.tell("GET", chance.choice([
            f"/api/v2/products/{product}", f"/api/v2/products/{product}/reviews", "/api/v2/categories",
            f"/api/v2/products?limit=20&page={chance.randrange(1, 5)}&sort=-price",
            f"/api/v2/products/search?q={chance.choice(['tea', 'appel', 'soap', 'milk'])}&limit=10",
            "/api/v2/sales?limit=20", "/api/v2/sales/summary?by=month", "/api/v2/analytics/sales/week",
            "/api/v2/exports", "/api/v2/reports", "/api/admin/audit?limit=20", "/api/v2/me/notifications",
        ]))

    def write(self, chance):
        product = chance.choice(self.products)
        what = chance.randrange(3)
        if what == 0:
            self.tell("PATCH", f"/api/v2/products/{product}", {"stock": chance.randrange(1000)})
        elif what == 1:
            self.tell("POST", f"/api/v2/products/{product}/reviews", {"rating": 4, "author": "Soak"},
                      {"idempotency-key": f"soak-{next(self.numbers)}"})
        else:
            days = {"dailyData": {str(chance.randrange(1, 29)): {"sales": chance.randrange(1000) / 10}}}
            self.tell("PATCH", f"/api/v2/sales/soak/2026/{chance.randrange(1, 13)}", days)

    def refused(self, chance):
        self.tell("GET", chance.choice([
            "/api/v2/products/nosuch", "/api/v2/products?limit=0", "/api/v2/products?cursor=x", "/api/v2/nosuch",
        ]))

    def follow(self):
        """Somebody who follows live updates, and comes and goes."""
        while time.monotonic() < self.until:
            asking.ask(self.server.base, "GET", "/api/v2/events?topics=sales-data-soak,store-soak",
                       self.admin.fields, timeout=5, most=64 * 1024)
            time.sleep(PAUSE_SECONDS)

    def tell(self, method, path, body=None, fields=None):
        answer = self.admin.ask(method, path, body, fields)
        if answer.status == 401:
            self.admin.sign_in()
            answer = self.admin.ask(method, path, body, fields)
        with self.lock:
            self.statuses[answer.status] += 1
            self.seconds.append(answer.seconds)
            silent = answer.status == 503 and "retry-after" not in answer.fields
            if answer.status in (0, 500) or silent:
                self.strange.setdefault((method, path.split("?")[0], answer.status), answer.body[:500])

    def faults(self):
        faults = [
            f"{method} {path}: {status or 'no answer'} {body!r}" for (method, path, status), body in self.strange.items()
        ]
        asked, busy = sum(self.statuses.values()), self.statuses[503]
        if busy > asked / 100:
            faults.append(f"{busy} of {asked} requests got 503")
        if not asked:
            return [*faults, "nothing was asked"]
        good = sum(count for status, count in self.statuses.items() if 200 <= status < 300)
        if good < asked / 2:
            faults.append(f"only {good} of {asked} requests succeeded: {dict(self.statuses)}")
        ordered = sorted(self.seconds)
        told = ", ".join(f"{status or 'none'} {count}" for status, count in sorted(self.statuses.items()))
        run.say(f"{asked} requests ({told}); median {ordered[asked // 2] * 1000:.0f} ms, "
                f"99th of a hundred {ordered[asked * 99 // 100] * 1000:.0f} ms, longest {ordered[-1] * 1000:.0f} ms")
        return faults


def sample(pid, work):
    """What the process has, every two seconds until the work ends: MiB of memory, descriptors, threads."""
    process = pathlib.Path(f"/proc/{pid}")
    if not process.exists():
        run.say("there is no /proc here: what grows is not looked at")
    samples = []
    while time.monotonic() < work.until:
        try:
            status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
            samples.append((
                int(status["VmRSS"].split()[0]) / 1024, len(list((process / "fd").iterdir())), int(status["Threads"])
            ))
        except (OSError, KeyError, ValueError):
            pass
        time.sleep(2)
    return samples


def grown(samples, growth_mib):
    quarter = len(samples) // 4
    if not quarter:
        return []
    faults = []
    for index, (what, share, more) in enumerate(
        [("MiB of memory", 1.25, growth_mib), ("descriptors", 1.25, 50), ("threads", 1.25, 20)]
    ):
        early = statistics.median(taken[index] for taken in samples[quarter:2 * quarter])
        late = statistics.median(taken[index] for taken in samples[-quarter:])
        run.say(f"{what}: {early:.0f} in the second quarter, {late:.0f} in the last")
        if late > early * share + more:
            faults.append(f"it grows: {early:.0f} {what} in the second quarter, {late:.0f} in the last")
    return faults


if __name__ == "__main__":
    sys.exit(main())
