# A component makes a room, as an alert does, and two people meet in it.
# argv: host client-port component-port ca-file
import asyncio, sys
import slixmpp
import slixmpp.plugins.xep_0045.muc
from slixmpp.componentxmpp import ComponentXMPP

host, port, cport, ca = sys.argv[1:5]
room = slixmpp.JID('alert-17@conference.example.org')
alert = slixmpp.JID('alert-17@comp.example.org/queue')
log = []
slixmpp.plugins.xep_0045.muc.print = lambda *a: None # 1.8.3 has one left over

async def up(x, *address):
    ready = asyncio.get_event_loop().create_future()
    x.add_event_handler('session_start', lambda e: ready.set_result(True))
    for p in ('xep_0004', 'xep_0030', 'xep_0045', 'xep_0059', 'xep_0249', 'xep_0313', 'xep_0199'):
        x.register_plugin(p)
    x.said = asyncio.Queue()
    x.add_event_handler('groupchat_message', x.said.put_nowait)
    x.connect(*address)
    await asyncio.wait_for(ready, 15)
    return x

async def person(name):
    x = slixmpp.ClientXMPP('%s@example.org/desk' % name, 'secret of ' + name)
    x.ca_certs = ca
    x = await up(x, (host, int(port)))
    x.invited = asyncio.Queue()
    x.add_event_handler('groupchat_invite', x.invited.put_nowait)
    x.send_presence()
    return x

async def said(x):
    m = await asyncio.wait_for(x.said.get(), 10)
    return '%s: %s' % (m['from'].resource, m['body'])

async def main():
    comp = await up(ComponentXMPP('comp.example.org', 'swordfish', host, int(cport)))
    alice, bob = await person('alice'), await person('bob')

    items = await alice['xep_0030'].get_items(jid='example.org', timeout=10)
    log.append('items %s' % ' '.join(sorted(i[0] for i in items['disco_items']['items'])))

    muc = comp['xep_0045']
    created = asyncio.get_event_loop().create_future()
    comp.add_event_handler('presence', lambda p: created.done() or created.set_result(p))
    pres = comp.make_presence(pto='%s/bot' % room, pfrom=alert)
    pres.enable('muc_join')
    pres.send()
    p = await asyncio.wait_for(created, 10)
    log.append('created %s' % ' '.join(sorted(str(s) for s in p['muc']['status_codes'])))
    form = await muc.get_room_config(room, ifrom=alert, timeout=10)
    values = form.get_values()
    log.append('form %s' % ' '.join(sorted(k.split('_')[1] for k in values if '_' in k)))
    values.update({'muc#roomconfig_membersonly': True, 'muc#roomconfig_publicroom': False,
        'muc#roomconfig_persistentroom': True, 'muc#roomconfig_enablearchiving': True, 'muc#roomconfig_roomname': 'disk on db01'})
    form = comp['xep_0004'].make_form(ftype='submit')
    for k, v in values.items():
        form.add_field(var=k, value=('1' if v else '0') if isinstance(v, bool) else v)
    await muc.set_room_config(room, form, ifrom=alert, timeout=10)

    try:
        await alice['xep_0045'].join_muc_wait(room, 'alice', timeout=10)
    except slixmpp.exceptions.PresenceError as e:
        log.append('alice may not enter: %s' % e.condition)
        del alice['xep_0045'].rooms[room] # it believes to be in
    for who in ('alice', 'bob'):
        muc.invite(room, '%s@example.org' % who, reason='db01', mfrom=alert)
    for x in (alice, bob):
        m = await asyncio.wait_for(x.invited.get(), 10)
        log.append('invited to %s by %s' % (m['from'], m.xml.find('.//{http://jabber.org/protocol/muc#user}invite').get('from')))
    await alice['xep_0045'].join_muc_wait(room, 'alice', timeout=10)
    alice.send_message(room, 'how full is it?', mtype='groupchat')
    log.append('alice hears %s' % await said(alice))
    comp.send_message(room, '91%', mtype='groupchat', mfrom=alert)
    log.append('alice hears %s' % await said(alice))
    pres = await bob['xep_0045'].join_muc_wait(room, 'bob', maxstanzas=1, timeout=10)
    log.append('bob is in, status %s, with %s' % (' '.join(sorted(str(s) for s in pres[0]['muc']['status_codes'])),
        ' '.join(sorted(o['muc']['nick'] if o['muc']['nick'] else o['from'].resource for o in pres[2]))))
    log.append('history %s' % ' '.join(m['body'] for m in pres[3]))
    try:
        await alice['xep_0045'].set_affiliation(room, 'outcast', jid='bob@example.org', timeout=10)
    except slixmpp.exceptions.IqError as e:
        log.append('alice may not ban: %s' % e.condition)
    await alice['xep_0199'].send_ping('%s/alice' % room, timeout=10)
    log.append('alice knows that she is in')

    got = []
    async for m in bob['xep_0313'].iterate(jid=room, rsm={'max': 1}):
        got.append(m['mam_result']['forwarded']['stanza']['body'])
    log.append('archive %s' % ', '.join(got))

    await muc.set_affiliation(room, 'none', jid='bob@example.org', reason='shift ends', ifrom=alert, timeout=10)
    for _ in range(100):
        if str(room) not in bob['xep_0045'].get_joined_rooms() and room not in bob['xep_0045'].get_joined_rooms():
            break
        await asyncio.sleep(0.05)
    try:
        await bob['xep_0313'].retrieve(jid=room, timeout=10)
    except slixmpp.exceptions.IqError as e:
        log.append('bob may not read: %s' % e.condition)
    await muc.destroy(room, reason='resolved', ifrom=alert, timeout=10)
    try:
        await alice['xep_0030'].get_info(jid=room, timeout=10)
    except slixmpp.exceptions.IqError as e:
        log.append('no more: %s' % e.condition)
    for x in (alice, bob, comp):
        await x.disconnect()

try:
    asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 90))
    print('\n'.join(log))
except BaseException as e:
    print('\n'.join(log))
    import traceback
    traceback.print_exc()
    print('FAILED %s %r' % (type(e).__name__, e))
    sys.exit(1)
