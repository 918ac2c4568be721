"""A person with an ordinary client (slixmpp), for the tests.

person.py HOST PORT CA JID PASSWORD WORKGROUP WHAT

It prints what it has seen.
"""
import asyncio
import sys

import slixmpp

HOST, PORT, CA, JID, PASSWORD, WORKGROUP, WHAT = sys.argv[1:8]
WAIT = 60


class Person(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__(JID, PASSWORD)
        self.ca_certs = CA
        for plugin in "xep_0004", "xep_0030", "xep_0050", "xep_0199", "xep_0444", "xep_0461":
            self.register_plugin(plugin)
        self.up = asyncio.get_event_loop().create_future()
        self.inbox = asyncio.Queue()
        self.add_event_handler("session_start", lambda e: self.up.done() or self.up.set_result(True))
        self.add_event_handler("message", lambda m: m["body"] and self.inbox.put_nowait(m))
        for event in "failed_all_auth", "ssl_invalid_chain", "connection_failed":
            self.add_event_handler(event, lambda e, event=event: self.up.done() or self.up.set_exception(Exception(f"{event}: {e}")))

    async def hears(self, text):
        while True:
            m = await asyncio.wait_for(self.inbox.get(), WAIT)
            if text in m["body"]:
                print("heard", text, flush=True)
                return m



async def replies(p):
    """Offers are answered by replies and reactions."""
    p.send_message(mto=WORKGROUP, mbody="join", mtype="chat")
    await p.hears("You will be asked")
    one, two = await p.hears("first"), await p.hears("second")
    p["xep_0461"].send_reply(WORKGROUP, one["id"], mto=WORKGROUP, mtype="chat", mbody="> " + one["body"].replace("\n", "\n> ") + "\ntake")
    await p.hears("Alert 1 is yours")
    p["xep_0444"].send_reactions(slixmpp.JID(WORKGROUP), two["id"], ["👍"])
    await p.hears("Alert 2 is yours")
    p["xep_0461"].send_reply(WORKGROUP, one["id"], mto=WORKGROUP, mtype="chat", mbody="resolve disk cleaned")
    await p.hears("Alert 1 is resolved")
    p["xep_0444"].send_reactions(slixmpp.JID(WORKGROUP), two["id"], ["👍", "✅"])
    await p.hears("Alert 2 is resolved")


class Run:
    """A command that is being run."""

    def __init__(self, p, node):
        self.p, self.node, self.session = p, node, None

    async def step(self, action="execute", **fields):
        form = None
        if fields:
            form = self.p["xep_0004"].make_form(ftype="submit")
            for name, value in fields.items():
                form.add_field(var=name, value=value)
        iq = await self.p["xep_0050"].send_command(WORKGROUP, self.node, action=action, payload=form, sessionid=self.session)
        command = iq["command"]
        self.session = command["sessionid"]
        notes = [text for kind, text in command["notes"]]
        form = command["form"].get_fields() if command["status"] == "executing" else {}
        choices = {name: [o["value"] for o in f["options"]] for name, f in form.items()}
        print(self.node, command["status"], ",".join(sorted(command["actions"])), choices, " ".join(notes), flush=True)
        return command


async def commands(p):
    """Everything by ad-hoc commands."""
    items = await p["xep_0050"].get_commands(WORKGROUP)
    print("commands", ",".join(node for jid, node, name in items["disco_items"]["items"] if jid == WORKGROUP and name) and
          ",".join(sorted(node for jid, node, name in items["disco_items"]["items"])), flush=True)
    info = await p["xep_0030"].get_info(jid=WORKGROUP, node="take")
    print("take is", sorted(info["disco_info"]["identities"])[0][:2], flush=True)
    take = Run(p, "take")
    await take.step()
    await take.step("complete", alert="1")
    resolve = Run(p, "resolve")
    await resolve.step()
    await resolve.step("next", alert="1")
    await resolve.step("prev")
    await resolve.step("next", alert="1")
    await resolve.step("complete", note="disk cleaned")
    gone = Run(p, "resolve")
    await gone.step()
    await gone.step("cancel")
    silence = Run(p, "silence")
    await silence.step()
    await silence.step("complete", **{"host": "web01", "for": "3600"})
    for node in "oncall", "list":
        await Run(p, node).step()
    try:
        await Run(p, "reboot").step()
    except slixmpp.exceptions.IqError as e:
        print("reboot", e.condition, flush=True)


async def main():
    p = Person()
    p.connect((HOST, int(PORT)))
    await asyncio.wait_for(p.up, WAIT)
    p.send_presence()
    await {"replies": replies, "commands": commands}[WHAT](p)
    await p.disconnect()


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 3 * WAIT))
