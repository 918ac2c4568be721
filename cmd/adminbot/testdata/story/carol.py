# Carol, in an ordinary client: takes an alert from chat, asks the host in its
# room, and resolves it. Each line of her conversation is printed as it happens.
# argv: host port domain password ca-file
import asyncio, sys
import slixmpp

host, port, domain, password, ca = sys.argv[1:6]
group = 'alerts@workgroup.' + domain
bot = 'adminbot@' + domain


class Carol(slixmpp.ClientXMPP):
    def __init__(self):
        super().__init__('carol@%s/phone' % domain, password)
        self.ca_certs = ca
        self.up = asyncio.get_event_loop().create_future()
        self.heard, self.kept = asyncio.Queue(), []  # what was heard; of it, what nobody waited for yet
        self.register_plugin('xep_0045')
        self.add_event_handler('session_start', lambda _: self.up.set_result(True))
        for lost in ('failed_all_auth', 'ssl_invalid_cert', 'connection_failed'):
            self.add_event_handler(lost, lambda why, lost=lost: sys.exit('%s: %s' % (lost, why)))
        self.add_event_handler('message', self.hear)
        self.add_event_handler('groupchat_subject', lambda m: self.heard.put_nowait(('subject', m['from'], m['subject'])))
        self.add_event_handler('groupchat_invite', lambda m: self.heard.put_nowait(('invite', m['from'], m.xml)))
        self.add_event_handler('groupchat_presence', self.enters)

    def hear(self, m):
        if m['body'] and m['type'] in ('chat', 'normal', 'groupchat') and not m['body'].startswith('…'):
            self.heard.put_nowait((m['type'], m['from'], m['body']))

    def enters(self, p):
        if p['type'] != 'unavailable':
            self.heard.put_nowait(('there', p['from'], p['from'].resource))

    async def wait(self, kind, sender, *words):
        def match(what, who, text):
            return what == kind and who.bare == sender and (kind == 'invite' or all(w in text for w in words))
        for i, event in enumerate(self.kept):
            if match(*event):
                del self.kept[i]
                return event[1:]
        while True:
            event = await asyncio.wait_for(self.heard.get(), 60)
            if match(*event):
                return event[1:]
            self.kept.append(event)


async def main():
    carol = Carol()
    carol.connect((host, int(port)))
    await asyncio.wait_for(carol.up, 60)
    carol.send_presence()

    def to(where, text, mtype='chat'):
        carol.send_message(where, text, mtype=mtype)
        print('carol>', text, flush=True)

    def tell(text):
        print('     ', text.replace('\n', '\n      '), flush=True)

    to(group, 'join')
    tell((await carol.wait('chat', group, 'You will be asked'))[1])
    _, offer = await carol.wait('chat', group, 'disk full', 'take 1')
    tell(offer)
    to(group, 'take 1')
    tell((await carol.wait('chat', group, 'is yours'))[1])

    who, message = await carol.wait('invite', 'alert-1@conference.' + domain)
    invite = message.find('.//{http://jabber.org/protocol/muc#user}invite')
    room = who.bare
    tell('invited into %s by %s' % (room, invite.get('from')))
    carol['xep_0045'].join_muc(room, 'carol')
    await carol.wait('there', room, 'carol')
    while 'adminbot' not in carol['xep_0045'].get_roster(room):
        await carol.wait('there', room)

    async def ask(text, *words):
        to(room, text, 'groupchat')
        while True:
            who, answer = await carol.wait('groupchat', room, *words)
            if who.resource == 'adminbot':
                tell(answer)
                return

    await ask('disk', 'disk on web01')
    await ask('restart nginx', 'Restart nginx on web01?')
    await ask('yes', 'nginx restarted on web01')
    await ask('resolve 1 restarted nginx, cleaned up', 'Alert 1 is resolved')
    tell((await carol.wait('subject', room, 'resolved by'))[1])
    to(bot, 'timeline of 1')
    tell((await carol.wait('chat', bot, 'Alert 1'))[1])
    to(bot, 'mtta this week')
    tell((await carol.wait('chat', bot, 'MTTA'))[1])
    carol.disconnect()
    await carol.disconnected


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 240))
