package muc

import "time"

// Limits of a service. Zero fields take the values given.
type Limits struct {
	Rooms         int           // 1,000; components may make as many more
	RoomsEach     int           // that one account has made; 100
	Occupants     int           // of one room; 500
	Joined        int           // rooms that one account is in, times its clients; 500
	Affiliations  int           // of one room; 1,000
	NameBytes     int           // of addresses, nicknames and passwords; 128
	TextBytes     int           // of names, subjects, descriptions and reasons; 2 KiB
	MessageBytes  int           // of one message; 64 KiB
	PresenceBytes int           // of one presence; 8 KiB
	History       int           // messages that a room shows to who comes; 50
	HistoryBytes  int           // of them; 64 KiB
	Burst         int           // messages of one account at once, and KiB of them; 200
	Every         time.Duration // for one more; 50 ms. Components may send ten times as much
	Invitations   int           // in one message; 20
	ListPage      int           // messages of an archive in one answer; 50
	ListBytes     int           // of them; 256 KiB

	Archive Bounds // of one room; 10,000 messages, 16 MiB, one year
	Total   int64  // bytes of all archives; 1 GiB
}

// Bounds of an archive: what goes beyond them is forgotten, the oldest first.
type Bounds struct {
	Messages int
	Bytes    int64
	Age      time.Duration
}

// WithDefaults returns the limits that a service with these has.
func (l Limits) WithDefaults() Limits {
	n := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	n(&l.Rooms, 1000)
	n(&l.RoomsEach, 100)
	n(&l.Occupants, 500)
	n(&l.Joined, 500)
	n(&l.Affiliations, 1000)
	n(&l.NameBytes, 128)
	n(&l.TextBytes, 2<<10)
	n(&l.MessageBytes, 64<<10)
	n(&l.PresenceBytes, 8<<10)
	n(&l.History, 50)
	n(&l.HistoryBytes, 64<<10)
	n(&l.Burst, 200)
	n(&l.Invitations, 20)
	n(&l.ListPage, 50)
	n(&l.ListBytes, 256<<10)
	n(&l.Archive.Messages, 10000)
	if l.Every <= 0 {
		l.Every = 50 * time.Millisecond
	}
	if l.Archive.Bytes <= 0 {
		l.Archive.Bytes = 16 << 20
	}
	if l.Archive.Age <= 0 {
		l.Archive.Age = 365 * 24 * time.Hour
	}
	if l.Total <= 0 {
		l.Total = 1 << 30
	}
	return l
}
