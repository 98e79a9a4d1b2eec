"""Asks the server, and measures what comes back: for the checks that Schemathesis does not make.

Nothing but Python's own modules. An answer is read up to a size, so that one without an end ends here, too.
"""

import http.client
import json
import time
import urllib.parse

# Nobody is told more than this; what an answer has beyond it is not read.
MOST_READ = 1024 * 1024


class Answer:
    """Status 0 is none: the connection was cut, or nothing came in time."""

    def __init__(self, status, fields, body, seconds, whole=True):
        self.status, self.fields, self.body, self.seconds, self.whole = status, fields, body, seconds, whole

    @property
    def size(self):
        """Bytes, as the server says or as they were counted; more than that where it is not whole."""
        told = self.fields.get("content-length", "")
        return max(len(self.body), int(told) if told.isdigit() else 0)

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def ask(base, method, path, fields=None, body=None, timeout=30, most=MOST_READ):
    """One request on a connection of its own. A dict or list is sent as JSON, bytes as they are."""
    fields = dict(fields or {})
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
        fields.setdefault("content-type", "application/merge-patch+json" if method == "PATCH" else "application/json")
    address = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)
    started = time.monotonic()
    try:
        try:
            connection.request(method, path, body=body, headers=fields)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before all of the body was there: the answer may stand in the connection all the same.
            pass
        answer = connection.getresponse()
        content = answer.read(most)
        seconds = time.monotonic() - started
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, content, seconds, whole=len(content) < most)
    except (OSError, http.client.HTTPException):
        return Answer(0, {}, b"", time.monotonic() - started)
    finally:
        connection.close()


class Person:
    """Somebody who is signed in, by a token or by an API key with these scopes."""

    def __init__(self, base, email, password, scopes=None):
        self.base, self.email, self.password = base, email, password
        signed_in = self.sign_in()
        self.id = signed_in["user"]["id"]
        if scopes:
            made = self.must("POST", "/api/v2/api-keys", {"name": "asks", "scopes": scopes})
            self.fields = {"x-api-key": made["key"]}

    def sign_in(self):
        credentials = {"email": self.email, "password": self.password}
        answer = ask(self.base, "POST", "/api/v2/auth/login", body=credentials)
        if answer.status != 200:
            raise RuntimeError(f"{self.email} cannot sign in: {answer.status} {answer.body[:500]!r}")
        signed_in = answer.json()
        self.fields = {"authorization": f"Bearer {signed_in['accessToken']}"}
        return signed_in

    def ask(self, method, path, body=None, fields=None, **more):
        return ask(self.base, method, path, {**self.fields, **(fields or {})}, body, **more)

    def must(self, method, path, body=None, fields=None):
        """What comes of a request that prepares a check, and so has to succeed."""
        answer = self.ask(method, path, body, fields)
        if not 200 <= answer.status < 300:
            raise RuntimeError(f"{method} {path} as {self.email}: {answer.status} {answer.body[:500]!r}")
        return answer.json()


def admin(base, environment):
    return Person(base, environment["ENTREPOT_ADMIN_EMAIL"], environment["ENTREPOT_ADMIN_PASSWORD"])
