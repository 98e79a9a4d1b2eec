"""An SMTP server for the tests: it keeps letters as files and misbehaves when it is told to.

The recipient's address says how: what stands before the first "-" and the first "@" of
  refuse-550@   answers RCPT with that code,            busy-451@     likewise,
  closing-421@  likewise, and closes the connection,    hang@         never answers RCPT,
  large-552@    answers the letter itself so,           late@         takes the letter and never says so,
  crowd@        is answered once as many connections as --crowd are open, or half a second later.

It prints its port as a line of JSON, and ends when its standard input does. In its folder there are, for the
letter that it took as number N, N.eml and N.json (who signed in, TLS, the envelope), and `events`, a line for
every connection, sign-in and command of interest.
"""

import argparse
import asyncio
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

parser = argparse.ArgumentParser()
parser.add_argument("--folder", type=pathlib.Path, required=True)
parser.add_argument("--certificate")
parser.add_argument("--key")
parser.add_argument("--tls", choices=["none", "starttls", "wrapped"], default="none")
parser.add_argument("--sign-in", metavar="USER:PASSWORD")
parser.add_argument("--greet-with", metavar="REPLY", help="say this to everybody and hang up")
parser.add_argument("--crowd", type=int, default=0)
parser.add_argument("--port", type=int, default=0)
settings = parser.parse_args()

events = (settings.folder / "events").open("a", buffering=1)
never = asyncio.Event()


class Crowd:
    """Connections that are open now, and the most that ever were."""

    now = 0
    is_full = asyncio.Event()


class Handler:
    def __init__(self):
        self.taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        word, _, code = local.partition("-")
        if word in ("refuse", "busy"):
            return f"{code} {code} {word}d as the address asks"
        if word == "closing":
            return f"{code} going away"
        if word == "hang":
            await never.wait()
        if word == "crowd":
            try:
                await asyncio.wait_for(Crowd.is_full.wait(), 0.5)
            except asyncio.TimeoutError:
                pass
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server, session, envelope):
        events.write("reset\n")
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        local = envelope.rcpt_tos[0].split("@")[0]
        if local == "large-552":
            return "552 too large"
        self.taken += 1
        number = self.taken
        (settings.folder / f"{number}.eml").write_bytes(envelope.original_content)
        told = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or settings.tls == "wrapped",
            "hello": session.host_name,
            "user": session.auth_data,
        }
        unfinished = settings.folder / "unfinished"
        unfinished.write_text(json.dumps(told))
        unfinished.rename(settings.folder / f"{number}.json")
        if local == "late":
            await never.wait()
        return f"250 taken as {number}"


class Server(SMTP):
    def connection_made(self, transport):
        if not self.transport:
            events.write("connected\n")
            Crowd.now += 1
            if settings.crowd and Crowd.now >= settings.crowd:
                Crowd.is_full.set()
        events.write(f"open {Crowd.now}\n")
        if settings.greet_with:
            transport.write(settings.greet_with.encode() + b"\r\n")
            transport.close()
            return
        super().connection_made(transport)

    def connection_lost(self, error):
        Crowd.now -= 1
        super().connection_lost(error)

    async def push(self, status):
        await super().push(status)
        if status.startswith("421") and self.transport:
            self.transport.close()


def sign_in(server, session, envelope, mechanism, given):
    assert isinstance(given, LoginPassword)
    user, password = (text.decode() for text in (given.login, given.password))
    events.write(f"sign-in {user}\n")
    is_right = f"{user}:{password}" == settings.sign_in
    return AuthResult(success=is_right, handled=False, auth_data=user)


async def main():
    loop = asyncio.get_running_loop()
    context = None
    if settings.tls != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings.certificate, settings.key)
    handler = Handler()

    def connection():
        return Server(
            handler,
            hostname="mail.test",
            tls_context=context if settings.tls == "starttls" else None,
            require_starttls=settings.tls == "starttls",
            auth_required=bool(settings.sign_in),
            auth_require_tls=settings.tls == "starttls",
            authenticator=sign_in if settings.sign_in else None,
            loop=loop,
        )

    wrapping = context if settings.tls == "wrapped" else None
    listening = await loop.create_server(connection, "127.0.0.1", settings.port, ssl=wrapping)
    print(json.dumps({"port": listening.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
