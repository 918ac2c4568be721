# Drives slixmpp for a test: logs two clients in and lets them talk.
# argv: host port mode(starttls|direct) ca-file mechanism
import asyncio, sys, ssl, json, logging
import slixmpp

host, port, mode, ca, mech = sys.argv[1:6]
if len(sys.argv) > 6:
    logging.basicConfig(level=logging.DEBUG)
log = []

class C(slixmpp.ClientXMPP):
    def __init__(self, jid, password):
        super().__init__(jid, password, sasl_mech=None if mech == 'any' else mech)
        self.ca_certs = ca
        self.up = asyncio.get_event_loop().create_future()
        self.inbox = asyncio.Queue()
        self.presences = asyncio.Queue()
        self.register_plugin('xep_0199')
        self.register_plugin('xep_0030')
        self.register_plugin('xep_0280')
        self.register_plugin('xep_0092')
        self.register_plugin('xep_0202')
        self.add_event_handler('session_start', self.on_start)
        self.add_event_handler('message', lambda m: self.inbox.put_nowait(m))
        self.add_event_handler('presence', lambda p: self.presences.put_nowait(p))
        self.add_event_handler('failed_all_auth', lambda e: self.fail('failed_all_auth'))
        self.add_event_handler('ssl_invalid_cert', lambda e: self.fail('ssl_invalid_cert'))
        self.add_event_handler('connection_failed', lambda e: self.fail('connection_failed %s' % e))

    def fail(self, why):
        if not self.up.done():
            self.up.set_exception(Exception(why))

    def on_start(self, e):
        if not self.up.done():
            self.up.set_result(True)

    def go(self):
        if mode == 'direct':
            self.enable_direct_tls, self.enable_starttls = True, False
            self.connect((host, int(port)), use_ssl=True)
        else:
            self.connect((host, int(port)))

async def main():
    alice = C('alice@example.org/desk', 'secret of alice')
    bot = C('bot@example.org/bot', 'secret of bot')
    for c in (alice, bot):
        c.go()
        await asyncio.wait_for(c.up, 15)
        log.append('up ' + str(c.boundjid))
        roster = await c.get_roster(timeout=10)
        items = sorted('%s %s %s' % (j, i['subscription'], ','.join(i['groups'])) for j, i in roster['roster']['items'].items())
        log.append('roster ' + '; '.join(items))
        c.send_presence(pstatus='here', ppriority=5)
    # alice hears the bot come
    while True:
        p = await asyncio.wait_for(alice.presences.get(), 10)
        if p['from'] == bot.boundjid:
            log.append('alice sees %s %s' % (p['from'], p['status']))
            break
    alice.send_message('bot@example.org', 'show disk on web01 & "co" <all>', mtype='chat')
    m = await asyncio.wait_for(bot.inbox.get(), 10)
    log.append('bot got %s from %s' % (m['body'], m['from']))
    m.reply('web01: 42% é€😀').send()
    m = await asyncio.wait_for(alice.inbox.get(), 10)
    log.append('alice got %s from %s' % (m['body'], m['from']))
    await alice['xep_0199'].send_ping('example.org', timeout=10)
    await alice['xep_0199'].send_ping(bot.boundjid, timeout=10)
    log.append('pings ok')
    v = await alice['xep_0092'].get_version('example.org', timeout=10)
    log.append('version %s' % v['software_version']['name'])
    try:
        await alice['xep_0199'].send_ping('bot@example.org/none', timeout=10)
    except slixmpp.exceptions.IqError as e:
        log.append('error ' + e.condition)
    info = await alice['xep_0030'].get_info('example.org', timeout=10)
    log.append('disco ' + ','.join(sorted('%s/%s' % (i[0], i[1]) for i in info['disco_info']['identities'])))
    await alice['xep_0280'].enable(timeout=10)
    log.append('carbons ok')
    await bot.disconnect()
    while True:
        p = await asyncio.wait_for(alice.presences.get(), 10)
        if p['type'] == 'unavailable':
            log.append('alice sees %s leave' % p['from'])
            break
    await alice.disconnect()

loop = asyncio.get_event_loop()
try:
    loop.run_until_complete(main())
    print('\n'.join(log))
except BaseException as e:
    print('\n'.join(log))
    print('FAILED %s %r' % (type(e).__name__, e))
    sys.exit(1)
