// Package workgroups is a workgroup service, XEP-0142, for alerts: they queue,
// are offered to bots first and then to people, are accepted or declined, and
// end resolved. No alert that was taken in is lost, and none has two owners.
//
// # Serving
//
// Have a [Wire], which an XMPP component session (XEP-0114) provides, and a
// [Store]. Make a [Service] with [New], hand it the stanzas that arrive
// ([Service.HandleIQ], [Service.HandlePresence], [Service.HandleMessage]), tell
// it of connections ([Service.Connected]), and call [Service.Run].
//
// # Raising alerts
//
// Whatever takes alerts in, over HTTP, mail or XMPP, makes a [Report] of each
// and calls [Service.Report] with as many as came together. When it returns nil
// they are on the disk; any error means that none is, and that the source
// should try again. The same report twice is one alert: what names it is its
// workgroup, source and fingerprint. A report that says Resolved ends it. Where
// [Workgroup].GroupBy says so, what has one cause is one alert, with an [Instance]
// of each thing that was reported.
//
// [Service.Take], [Service.Pass] and [Service.Resolve] are what people do with
// an alert by other ways than XEP-0142; [Service.Alert], [Service.Alerts] and
// [Service.Status] tell how things stand.
//
// # How it works
//
// An alert is open, then offered to an agent, then assigned to the one who
// accepted, and ends resolved or expired. The machine in machine.go decides: it
// has no clock, no network and no disk. Given an event and the time it changes
// its state and says which rows changed and what is to be told to whom. The loop
// of [Service.Run] owns it: it takes all events that wait, commits their rows as
// one [Store.Commit], and only then lets answers and stanzas out. If the commit
// fails, nobody is answered yes, people are told, and the store is tried until it
// works again: outage.go.
//
// What is to be sent is a row too ([Message]), in the same commit, and stays until
// the server has taken it: after a crash it is sent again, with the same id.
// Timers are columns: [Offer].Expires and [Alert].Wake. Every alert without an
// owner has a Wake, so none is ever forgotten, whatever happened to the process.
//
// With [Config].Rooms each alert that is accepted gets a room (XEP-0045). What is to
// be done there is in the outbox like everything else, but done by a goroutine of
// its own: the grant is on the disk before, and waits for no room.
//
// Each alert is a user of its own to XEP-0142, alert-17@workgroup.example.net: the
// protocol knows requests by the address of their user. People may queue as well
// (join-queue); they are alerts whose user is themselves.
package workgroups
