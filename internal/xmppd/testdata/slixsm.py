# Drives slixmpp's stream management (XEP-0198) for a test: enable, cut, resume.
# argv: host port ca-file
import asyncio, sys
import slixmpp

host, port, ca = sys.argv[1:4]
log = []

class C(slixmpp.ClientXMPP):
    def __init__(self, jid, password, managed):
        super().__init__(jid, password)
        self.ca_certs = ca
        self.happened = asyncio.Queue()
        self.inbox = asyncio.Queue()
        self.register_plugin('xep_0199')
        if managed:
            self.register_plugin('xep_0198')
            for e in ('sm_enabled', 'session_resumed', 'sm_failed'):
                self.add_event_handler(e, lambda _, e=e: self.happened.put_nowait(e))
        else:
            self.add_event_handler('session_start', lambda _: self.happened.put_nowait('up'))
        self.add_event_handler('message', lambda m: self.inbox.put_nowait(m['body']))
        self.add_event_handler('disconnected', lambda _: self.happened.put_nowait('disconnected'))

    async def next(self, queue):
        return await asyncio.wait_for(queue.get(), 20)

async def main():
    alice = C('alice@example.org/phone', 'secret of alice', True)
    bob = C('bob@example.org/desk', 'secret of bob', False)
    for c in (bob, alice):
        c.connect((host, int(port)))
        log.append(await c.next(c.happened))
    bob.send_message('alice@example.org/phone', 'one', mtype='chat')
    log.append(await alice.next(alice.inbox))
    for i in range(3):
        alice.abort()  # as a network that breaks
        log.append(await alice.next(alice.happened))
        bob.send_message('alice@example.org/phone', 'while away %d' % i, mtype='chat')
        await asyncio.wait_for(bob.plugin['xep_0199'].send_ping('example.org'), 20)
        alice.connect((host, int(port)))
        log.append(await alice.next(alice.happened))
        log.append(await alice.next(alice.inbox))
        alice.send_message('bob@example.org/desk', 'back %d' % i, mtype='chat')
        log.append(await bob.next(bob.inbox))
    log.append('more %d' % alice.inbox.qsize())
    for c in (alice, bob):
        await c.disconnect()

loop = asyncio.get_event_loop()
try:
    loop.run_until_complete(main())
    print('\n'.join(log))
except BaseException as e:
    print('\n'.join(log))
    print('FAILED %s %r' % (type(e).__name__, e))
    sys.exit(1)
