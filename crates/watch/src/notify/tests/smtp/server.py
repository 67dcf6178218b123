"""A mail server for tests: takes mails down as lines of JSON, and refuses by the address.

Argument: a folder with chain.pem and key.pem. Writes `ports` (plain, with STARTTLS) and `mails`.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder = sys.argv[1]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 there is nobody of that name"
        if address.startswith("later@"):
            return "451 4.3.0 try again later"
        if address.startswith("silent@"):
            await asyncio.sleep(3600)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        line = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": str(mail["subject"]),
            "message_id": str(mail["message-id"]),
            "references": str(mail["references"]),
            "auto_submitted": str(mail["auto-submitted"]),
            "body": mail.get_content(),
            "tls": session.ssl is not None,
            "user": session.auth_data,
        }
        with open(os.path.join(folder, "mails"), "a") as file:
            file.write(json.dumps(line) + "\n")
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) and data == LoginPassword(b"warden", b"a mail secret")
    return AuthResult(success=good, auth_data=data.login.decode() if good else None)


async def main():
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem"))
    plain = await loop.create_server(lambda: SMTP(Handler(), hostname="localhost"), "127.0.0.1", 0)
    encrypted = await loop.create_server(
        lambda: SMTP(
            Handler(),
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
        ),
        "127.0.0.1",
        0,
    )
    ports = [server.sockets[0].getsockname()[1] for server in (plain, encrypted)]
    with open(os.path.join(folder, "ports.new"), "w") as file:
        file.write(" ".join(map(str, ports)))
    os.rename(os.path.join(folder, "ports.new"), os.path.join(folder, "ports"))
    await asyncio.Event().wait()


asyncio.run(main())
