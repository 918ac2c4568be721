// Package link is one XMPP session that lasts: of the bot, of a host agent, of
// the command line, or of a component (XEP-0114).
//
// Make a session with [New], say what to do with stanzas ([Session.HandleIQ],
// [Session.HandleMessage], [Session.HandlePresence], [Session.HandleRoster])
// and with connections ([Session.OnUp], [Session.OnDown]), then call
// [Session.Run]. It dials, logs in, reads stanzas and reconnects until its
// context ends. While it runs, [Session.RoundTripIQ], [Session.Send] and
// [Session.Barrier] may be called from any goroutine.
//
// Mellium negotiates the stream: TLS, SASL, the component handshake. From then
// on this package reads and writes the connection itself. One goroutine reads;
// it never waits for a handler. One goroutine writes. Handlers run on
// goroutines of their own, the stanzas of one sender one after the other and in
// order (but see package turn), different senders beside each other. Pings and
// queries for disco#info, version and time are answered at once.
//
// A connection that breaks need not end the session: where the server offers
// XEP-0198, the next one resumes it. Calls that were written stay pending,
// answers and messages wait, what was not acknowledged is written again, and
// [Session.OnUp] does not run. Otherwise every call ends with an [Error] that
// says whether it may have been seen.
//
// No stanza of a peer ends the session, whatever it looks like: too large, too
// deep, malformed, forged, or making a handler panic. Every IQ request that can
// be answered gets exactly one answer.
package link
