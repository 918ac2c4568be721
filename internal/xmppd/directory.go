package xmppd

import (
	"context"
	"errors"
	"maps"
	"sort"
	"strconv"
	"sync"
	"time"

	"adminbot/internal/account"
)

var errGone = errors.New("xmppd: the account or its address is not to be had")

// A directory is a snapshot of all accounts.
type directory struct {
	revision int64
	entries  map[string]account.Entry
	names    []string  // sorted
	last     *sync.Map // name → time of the last goodbye
}

// left notes that an account's last resource went.
func (d *directory) left(name string) { d.last.Store(name, time.Now()) }

// The groups of contact lists that the server makes.
const (
	groupHosts  = "Hosts"
	groupPeople = "People"
	groupBots   = "AdminBot"
)

// group returns the group in which an account of role who sees one of role
// whom, "" if it does not see it by role. People see hosts, which do not see
// them.
func group(who, whom account.Role) string {
	switch {
	case whom == account.Host && (who == account.Bot || who.Person()):
		return groupHosts
	case whom.Person() && who == account.Bot:
		return groupPeople
	case whom == account.Bot && (who == account.Host || who.Person()):
		return groupBots
	}
	return ""
}

// audible reports whether presence goes from one role to another.
func audible(from, to account.Role) bool { return group(to, from) != "" }

// Reload asks for the accounts to be read again soon, as after a change by
// this process; changes by others are found by polling.
func (s *Server) Reload() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Server) poll(ctx context.Context) {
	t := time.NewTicker(s.cfg.Poll)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-t.C:
			rev, err := s.cfg.Accounts.Revision(ctx)
			if err != nil {
				if ctx.Err() == nil {
					s.log.Error("xmppd: the account store failed", "err", err)
				}
				continue
			}
			if rev == s.dir.Load().revision {
				continue
			}
		}
		if err := s.reload(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("xmppd: the account store failed", "err", err)
		}
	}
}

// entry returns an account from the directory, which is read anew if it is not
// in there as it is in the store.
func (s *Server) entry(ctx context.Context, name string) (account.Entry, error) {
	rev, err := s.cfg.Accounts.Revision(ctx)
	if err != nil {
		return account.Entry{}, err
	}
	if rev != s.dir.Load().revision {
		if err := s.reload(ctx); err != nil {
			return account.Entry{}, err
		}
	}
	e, ok := s.dir.Load().entries[name]
	if !ok {
		return account.Entry{}, account.ErrNotFound
	}
	return e, nil
}

// reload reads all accounts, disconnects those that are gone or have a new
// password, and tells connected accounts of contacts that came and went.
func (s *Server) reload(ctx context.Context) error {
	s.reloadMu.Lock()
	defer s.reloadMu.Unlock()
	list, rev, err := s.cfg.Accounts.Entries(ctx)
	if err != nil {
		return err
	}
	next := &directory{revision: rev, entries: make(map[string]account.Entry, len(list)), last: new(sync.Map)}
	for _, e := range list {
		next.entries[e.Name] = e
		next.names = append(next.names, e.Name)
	}
	sort.Strings(next.names)
	old := s.dir.Load()
	if old == nil {
		s.dir.Store(next)
		return nil
	}
	next.last = old.last

	var kicked []*session
	s.presMu.Lock()
	s.mu.Lock()
	s.dir.Store(next)
	for name, u := range s.users {
		if e, ok := next.entries[name]; !ok || e.Generation != old.entries[name].Generation {
			kicked = append(kicked, u.sessions...)
		}
	}
	exists := func(name string) bool { _, ok := next.entries[name]; return ok }
	maps.DeleteFunc(s.holdings, func(name string, _ *holding) bool { return !exists(name) })
	s.mu.Unlock()
	s.presMu.Unlock()
	s.ended.forget(exists)
	for _, k := range kicked {
		s.detach(k)
		k.end(&streamError{condition: "not-authorized", text: "the account was changed"})
	}
	s.pushChanges(old, next)
	return nil
}

// pushChanges tells connected accounts what changed on their lists.
func (s *Server) pushChanges(old, next *directory) {
	type change struct {
		name string
		was  account.Role // "" if it was not there
		is   account.Role // "" if it is gone
	}
	var changes []change
	for _, n := range next.names {
		if o, ok := old.entries[n]; !ok || o.Role != next.entries[n].Role {
			changes = append(changes, change{n, o.Role, next.entries[n].Role})
		}
	}
	for _, n := range old.names {
		if _, ok := next.entries[n]; !ok {
			changes = append(changes, change{n, old.entries[n].Role, ""})
		}
	}
	if len(changes) == 0 {
		return
	}
	s.presMu.Lock()
	defer s.presMu.Unlock()
	for _, t := range s.listening() {
		if !t.interested.Load() {
			continue
		}
		var pushes [][]byte
		for _, c := range changes {
			is, was := group(t.role, c.is), group(t.role, c.was)
			if is == was || c.name == t.local {
				continue
			}
			item := rosterItem{jid: c.name + "@" + s.cfg.Domain, name: c.name, groups: []string{is}, subscription: "both"}
			if is == "" {
				item = rosterItem{jid: item.jid, subscription: "remove"}
			}
			pushes = append(pushes, s.push(t, item, version(next.revision, t.user.contacts.revision)))
		}
		if len(pushes) > 0 {
			t.sendBulk(pushes...)
		}
	}
}

// listening returns the sessions there are.
func (s *Server) listening() []*session {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*session, 0, len(s.full))
	for _, t := range s.full {
		all = append(all, t)
	}
	return all
}

func version(dir, own int64) string {
	return strconv.FormatInt(dir, 10) + "." + strconv.FormatInt(own, 10)
}
