package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// Snapshot is the fleet at one moment. It never changes.
type Snapshot struct {
	Inventory *grammar.Inventory
	Lexicon   *grammar.Lexicon
	Hosts     []Host // sorted by name
	Unseen    int    // hosts of which nobody knows how they are

	learned uint64 // of the fleet, when it was made
}

// Host finds a host by its name.
func (s *Snapshot) Host(name string) (Host, bool) {
	i, ok := slices.BinarySearchFunc(s.Hosts, name, func(h Host, name string) int { return strings.Compare(h.Name, name) })
	if !ok {
		return Host{}, false
	}
	return s.Hosts[i], true
}

// Snapshot is the latest picture. It is never nil.
func (f *Fleet) Snapshot() *Snapshot { return f.snap.Load() }

// Known is closed when there is a picture to read the first sentence in: the
// server has told who is there ([Fleet.Back]), everybody who is has been asked
// what it is, and a snapshot was made of that.
func (f *Fleet) Known() <-chan struct{} { return f.known }

// complete reports whether a snapshot made now is such a picture.
func (f *Fleet) complete() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.looked {
		return false
	}
	for _, h := range f.hosts {
		if h.Online && h.wanted && h.retries == 0 {
			return false
		}
	}
	return true
}

// snapshots waits for changes, lets a burst pass, and makes one snapshot of it.
func (f *Fleet) snapshots(ctx context.Context) {
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	known := sync.OnceFunc(func() { close(f.known) })
	var took time.Duration
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.dirty:
		case <-f.blind.over.C:
			f.giveUp()
		}
		// The picture of very many hosts takes a while to make: it is made anew
		// for a small part of the time only, however many changes there are.
		timer.Reset(max(f.cfg.Debounce, min(pause*took, maxPause)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select { // what came meanwhile is in this one
		case <-f.dirty:
		default:
		}
		complete, began := f.complete(), time.Now()
		if err := f.Refresh(); err != nil {
			f.cfg.Log.ErrorContext(ctx, "keeping the old vocabulary", "err", err)
		}
		took = time.Since(began)
		if complete {
			known()
		}
	}
}

// Between two snapshots lies pause times what the last one took, at most
// maxPause.
const (
	pause    = 5
	maxPause = 15 * time.Second
)

// Refresh makes a new snapshot now. Run calls it; a program that does not run
// the fleet may.
func (f *Fleet) Refresh() error {
	inv := f.cfg.Inventory
	f.mu.Lock()
	hosts := make([]Host, 0, len(f.hosts))
	unseen := 0
	for _, h := range f.hosts {
		hosts = append(hosts, h.Host)
		if h.Unseen() {
			unseen++
		}
	}
	inv.People = merge(inv.People, f.people)
	inv.Workgroups = merge(inv.Workgroups, f.workgroups)
	learned := f.learned
	f.mu.Unlock()
	slices.SortFunc(hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })

	inv.Hosts = make([]grammar.Host, 0, len(hosts))
	for i, h := range hosts {
		facts := h.Facts.Facts
		if stated := f.cfg.Facts[h.Name]; stated != nil {
			facts = maps.Clone(facts)
			if facts == nil {
				facts = map[string]string{}
			}
			maps.Copy(facts, stated)
			hosts[i].Facts.Facts = facts
		}
		inv.Hosts = append(inv.Hosts, grammar.Host{Name: h.Name, Facts: facts, Mood: spoken(h.Mood), Services: h.Facts.Services})
	}
	f.vocabulary(&inv, hosts)
	inv.Groups = f.groups(&inv)
	lex, err := f.cfg.Compile(&inv)
	if err != nil {
		return fmt.Errorf("fleet: vocabulary of %d hosts: %w", len(hosts), err)
	}
	f.snap.Store(&Snapshot{Inventory: &inv, Lexicon: lex, Hosts: hosts, Unseen: unseen, learned: learned})
	f.mu.Lock()
	close(f.made)
	f.made = make(chan struct{})
	f.mu.Unlock()
	return nil
}

// vocabulary adds what hosts call things to the inventory, within bounds.
func (f *Fleet) vocabulary(inv *grammar.Inventory, hosts []Host) {
	for _, kind := range []struct {
		into *[]string
		of   func(Facts) []string
	}{
		{&inv.Checks, func(f Facts) []string { return f.Checks }},
		{&inv.Components, func(f Facts) []string { return f.Components }},
		{&inv.Backups, func(f Facts) []string { return f.Backups }},
		{&inv.FailoverGroups, func(f Facts) []string { return f.FailoverGroups }},
		{&inv.Apps, func(f Facts) []string { return f.Apps }},
		{&inv.CodeSets, func(f Facts) []string { return f.CodeSets }},
	} {
		t := tally{}
		for _, h := range hosts {
			t.add(kind.of(h.Facts))
		}
		t.spare(hosts)
		*kind.into = merge(*kind.into, t.names())
	}
	services := tally{}
	for _, h := range hosts {
		services.add(h.Facts.Services)
	}
	all := len(services)
	services.spare(hosts)
	if len(services) == all && all <= maxVocabulary {
		return
	}
	keep := services.names()
	f.cfg.Log.Info("hosts have services that are not known by name", "services", all, "known", len(keep))
	for i, h := range inv.Hosts {
		inv.Hosts[i].Services = slices.DeleteFunc(slices.Clone(h.Services), func(s string) bool {
			_, known := slices.BinarySearch(keep, s)
			return !known
		})
	}
}

// spoken is the mood as sentences select by it.
func spoken(mood string) string {
	switch mood {
	case agentapi.DND, agentapi.Drain:
		return agentapi.Happy
	case Unknown:
		return ""
	}
	return mood
}

// groups are the configured groups with their selectors resolved to names.
func (f *Fleet) groups(inv *grammar.Inventory) map[string][]string {
	out := maps.Clone(f.cfg.Inventory.Groups)
	if out == nil {
		out = map[string][]string{}
	}
	for name, members := range f.cfg.Groups {
		var hosts []string
		for _, m := range members {
			sel, err := grammar.ParseSelector(m)
			if err != nil {
				f.cfg.Log.Warn("group member is no host or selector", "group", name, "member", m, "err", err)
				continue
			}
			hosts = append(hosts, sel.Resolve(inv)...)
		}
		slices.Sort(hosts)
		out[name] = slices.Compact(hosts)
	}
	return out
}

// merge adds names to a sorted copy of list.
func merge(list, more []string) []string {
	if len(more) == 0 {
		return list
	}
	out := slices.Concat(list, more)
	slices.Sort(out)
	return slices.Compact(out)
}
