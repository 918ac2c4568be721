#!/usr/bin/python3
"""An independent XMPP client (slixmpp) for the tests.

client.py ACCESS rpc HOST-JID METHOD [NAME=VALUE...]   call a method, print the result as JSON
client.py ACCESS chat LINE...                          say each line to the bot, print each final answer
client.py ACCESS roster                                print who is seen, with presence

ACCESS is access.json of a running installation. A VALUE that parses as JSON is
sent as that, else as a string; a METHOD of system.* takes VALUEs by position.
"""
import asyncio
import json
import os
import ssl
import sys

import slixmpp
from slixmpp.plugins.xep_0009.binding import py2xml, xml2fault, xml2py

ACCESS = sys.argv[1]
WAIT = 20


class Client(slixmpp.ClientXMPP):
    def __init__(self, access, account):
        here = os.path.dirname(ACCESS)
        with open(os.path.join(here, account["password_file"])) as f:
            super().__init__(account["jid"], f.read().strip())
        self.access = access
        self.ca_certs = os.path.join(here, access["ca_file"])
        self.ssl_context.check_hostname = True
        self.ssl_context.verify_mode = ssl.CERT_REQUIRED
        self.register_plugin("xep_0009")
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.answers = asyncio.Queue()
        self.failure = None
        self.add_event_handler("message", self.message)
        # With a handler of our own the plugin's default one, which is broken, does not run.
        self.add_event_handler("jabber_rpc_method_response", lambda iq: None)
        self.add_event_handler("jabber_rpc_method_fault", lambda iq: None)
        for event in "failed_all_auth", "ssl_invalid_chain", "connection_failed":
            self.add_event_handler(event, lambda e, event=event: self.fail(event, e))

    def fail(self, event, detail):
        self.failure = f"{event}: {detail}"
        self.started.set_exception(RuntimeError(self.failure)) if not self.started.done() else None

    def message(self, stanza):
        if stanza["type"] in ("chat", "normal") and stanza["body"]:
            self.answers.put_nowait(stanza["body"])

    async def login(self):
        self.started = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda e: self.started.done() or self.started.set_result(True))
        host, port = self.access["c2s"].rsplit(":", 1)
        self.connect((host, int(port)), disable_starttls=False)
        await asyncio.wait_for(self.started, WAIT)
        await self.get_roster()
        self.send_presence()

    async def rpc(self, to, method, *args):
        iq = self["xep_0009"].make_iq_method_call(to, method, py2xml(*args))
        answer = await iq.send(timeout=WAIT)
        response = answer["rpc_query"]["method_response"]
        if response["fault"] is not None:
            fault = xml2fault(response["fault"])
            return {"fault": fault["code"], "text": fault["string"]}
        return xml2py(response["params"])[0]

    async def chat(self, line):
        self.send_message(mto=self.access["bot"], mbody=line, mtype="chat")
        while (answer := await asyncio.wait_for(self.answers.get(), WAIT)).startswith("…"):
            pass  # it says that it is working on it
        return answer


def parse(value):
    try:
        return json.loads(value)
    except ValueError:
        return value


async def main():
    with open(ACCESS) as f:
        access = json.load(f)
    client = Client(access, next(a for a in access["accounts"] if a["role"] == "admin"))
    await client.login()
    command, args = sys.argv[2], sys.argv[3:]
    if command == "rpc":
        to, method, params = args[0], args[1], args[2:]
        if method.startswith("system."):
            result = await client.rpc(to, method, *map(parse, params))
        elif params:
            result = await client.rpc(to, method, {k: parse(v) for k, v in (p.split("=", 1) for p in params)})
        else:
            result = await client.rpc(to, method)
        print(json.dumps(result, default=str, indent=1))
    elif command == "chat":
        for line in args:
            print("> " + line)
            print(await client.chat(line))
    elif command == "roster":
        await client["xep_0199"].send_ping(client.boundjid.domain, timeout=WAIT)  # presence has arrived by then
        for jid in sorted(client.client_roster):
            print(jid, sorted(client.client_roster[jid].resources), client.client_roster[jid]["groups"])
    client.disconnect()
    await asyncio.wait_for(client.disconnected, WAIT)


asyncio.get_event_loop().run_until_complete(main())
