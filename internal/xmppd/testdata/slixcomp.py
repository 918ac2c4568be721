# A slixmpp component that answers, and a client that asks it.
# argv: host client-port component-port ca-file
import asyncio, sys
import slixmpp
from slixmpp.componentxmpp import ComponentXMPP

host, port, cport, ca = sys.argv[1:5]
log = []

async def main():
    loop = asyncio.get_event_loop()
    comp = ComponentXMPP('comp.example.org', 'swordfish', host, int(cport))
    ready = loop.create_future()
    comp.add_event_handler('session_start', lambda e: ready.set_result(True))
    def answer(m):
        if m['type'] in ('chat', 'normal'):
            m.reply('you said: ' + m['body']).send()
    comp.add_event_handler('message', answer)
    comp.register_plugin('xep_0199')
    comp.connect()
    await asyncio.wait_for(ready, 15)
    log.append('component up')

    alice = slixmpp.ClientXMPP('alice@example.org/desk', 'secret of alice')
    alice.ca_certs = ca
    up, got = loop.create_future(), asyncio.Queue()
    alice.add_event_handler('session_start', lambda e: up.set_result(True))
    alice.add_event_handler('message', got.put_nowait)
    alice.register_plugin('xep_0199')
    alice.connect((host, int(port)))
    await asyncio.wait_for(up, 15)
    alice.send_message('ops@comp.example.org', 'é & <b>', mtype='chat')
    m = await asyncio.wait_for(got.get(), 10)
    log.append('%s from %s' % (m['body'], m['from']))
    await alice['xep_0199'].send_ping('comp.example.org', timeout=10)
    await comp['xep_0199'].send_ping('alice@example.org/desk', ifrom='comp.example.org', timeout=10)
    log.append('pings ok')
    await alice.disconnect()
    await comp.disconnect()

try:
    asyncio.get_event_loop().run_until_complete(main())
    print('\n'.join(log))
except BaseException as e:
    print('\n'.join(log))
    print('FAILED %s %r' % (type(e).__name__, e))
    sys.exit(1)
