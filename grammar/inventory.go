package grammar

import (
	"encoding/json"
	"fmt"
	"time"
)

// An Inventory is what there is to talk about at one moment: the hosts and
// the names of other things. It is a value to the package: [Compile] reads it
// and keeps no reference that it writes through.
type Inventory struct {
	Now   time.Time      // fixes the clock when not zero (tests, `adminbot parse`)
	Zone  *time.Location // times of day are spoken in it; nil is UTC
	Asker string         // the JID of who asks, for "me" and "my"; may be empty

	Hosts  []Host
	Groups map[string][]string // group name to host names

	Checks, Components, Backups, FailoverGroups, Apps, Workgroups []string
	CodeSets                                                      []string
	People                                                        []string // JIDs; the local part is what is spoken
}

// A Host is one machine as the bot knows it.
type Host struct {
	Name     string            `json:"name"`
	Facts    map[string]string `json:"facts,omitempty"` // role, env, site, os and whatever else a site has
	Mood     string            `json:"mood,omitempty"`  // happy, sad or dead
	Services []string          `json:"services,omitempty"`
}

type inventoryJSON struct {
	Now            time.Time           `json:"now,omitzero"`
	Timezone       string              `json:"timezone,omitempty"`
	Asker          string              `json:"asker,omitempty"`
	Hosts          []Host              `json:"hosts"`
	Groups         map[string][]string `json:"groups,omitempty"`
	Checks         []string            `json:"checks,omitempty"`
	Components     []string            `json:"components,omitempty"`
	Backups        []string            `json:"backups,omitempty"`
	FailoverGroups []string            `json:"failover_groups,omitempty"`
	Apps           []string            `json:"apps,omitempty"`
	Workgroups     []string            `json:"workgroups,omitempty"`
	CodeSets       []string            `json:"code_sets,omitempty"`
	People         []string            `json:"people,omitempty"`
}

// UnmarshalJSON reads the inventory file of `adminbot parse --inventory`.
func (inv *Inventory) UnmarshalJSON(b []byte) error {
	var j inventoryJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("grammar: inventory: %w", err)
	}
	zone := time.UTC
	if j.Timezone != "" {
		z, err := time.LoadLocation(j.Timezone)
		if err != nil {
			return fmt.Errorf("grammar: inventory: timezone: %w", err)
		}
		zone = z
	}
	*inv = Inventory{Now: j.Now, Zone: zone, Asker: j.Asker, Hosts: j.Hosts, Groups: j.Groups,
		Checks: j.Checks, Components: j.Components, Backups: j.Backups, FailoverGroups: j.FailoverGroups,
		Apps: j.Apps, Workgroups: j.Workgroups, CodeSets: j.CodeSets, People: j.People}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (inv *Inventory) MarshalJSON() ([]byte, error) {
	return json.Marshal(inventoryJSON{inv.Now, inv.zone().String(), inv.Asker, inv.Hosts, inv.Groups, inv.Checks,
		inv.Components, inv.Backups, inv.FailoverGroups, inv.Apps, inv.Workgroups, inv.CodeSets, inv.People})
}

func (inv *Inventory) zone() *time.Location {
	if inv.Zone == nil {
		return time.UTC
	}
	return inv.Zone
}
