package main

import (
	"fmt"
	"os"
	"strings"

	"mellium.im/xmpp/jid"
)

// maxDemoHosts bounds --hosts: each is a real agent with a connection of its own.
const maxDemoHosts = 2000

// upHost is a host agent of adminbot up.
type upHost struct {
	name  string
	demo  bool // a further name for this machine
	facts map[string]string
}

// hostNames are this machine's name and those of the further agents.
func (c upCmd) hostNames() ([]upHost, error) {
	own, err := ownName()
	if err != nil {
		return nil, err
	}
	hosts := []upHost{{name: own}}
	for i := range c.Hosts {
		h := demoHost(i)
		if h.name == own {
			return nil, usage("this machine is itself called %s: --hosts can take %d at most", own, i)
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// demoHost is the i-th further agent: of three web servers, two databases and
// a cache, over and over.
func demoHost(i int) upHost {
	roles := []string{"web", "web", "db", "web", "cache", "db"}
	sites := []string{"ams", "nyc"}
	role := roles[i%len(roles)]
	number := 1
	for j := range i {
		if roles[j%len(roles)] == role {
			number++
		}
	}
	return upHost{
		name: fmt.Sprintf("%s%02d", role, number), demo: true,
		facts: map[string]string{"role": role, "site": sites[i%len(sites)], "env": "demo"},
	}
}

// ownName is this machine's name as an account: the first label of its host
// name.
func ownName() (string, error) {
	name, err := os.Hostname()
	if err != nil {
		return "", err
	}
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	if _, err := jid.New(name, "localhost", ""); err != nil || name == "" || name == botName || name == adminName {
		return "host", nil
	}
	return name, nil
}
