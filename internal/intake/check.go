package intake

import (
	"strings"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// A check is what Nagios and Icinga say of a host or of a service on it, in the
// values of their macros.
type check struct {
	kind    string // notification type: PROBLEM, RECOVERY, ACKNOWLEDGEMENT …
	host    string
	service string // empty: the host itself
	state   string // OK WARNING CRITICAL UNKNOWN, of hosts UP DOWN UNREACHABLE
	output  string // first line of the plugin's output
	long    string // the rest of it
	address string
}

// Names that the fields of a check go under: those of the commands in
// docs/nagios and docs/icinga, and of the macros themselves.
var (
	kindFields    = []string{"type", "notificationtype", "notification_type"}
	serviceFields = []string{"service", "servicedesc", "service_name"}
	outputFields  = []string{"output", "serviceoutput", "hostoutput"}
	longFields    = []string{"long_output", "longserviceoutput", "longhostoutput"}
	addressFields = []string{"address", "hostaddress"}
)

// readNagios reads what a notification command posts, as a form or as JSON.
func readNagios(r *request) ([]workgroups.Report, error) {
	g, err := readFields(r)
	if err != nil {
		return nil, err
	}
	macro := func(names ...string) string {
		_, v := g.field(names)
		if strings.HasPrefix(v, "$") && strings.HasSuffix(v, "$") { // it was not set
			return ""
		}
		return v
	}
	c := check{
		kind: macro(kindFields...), host: macro("host", "hostname", "host_name"), service: macro(serviceFields...),
		output: macro(outputFields...), long: strings.ReplaceAll(macro(longFields...), `\n`, "\n"), address: macro(addressFields...),
	}
	c.state = macro("state")
	if c.state == "" && c.service != "" {
		c.state = macro("servicestate")
	}
	if c.state == "" {
		c.state = macro("hoststate")
	}
	return c.reports(g.labels)
}

// reports is the check as an alert. Notifications that do not say that something
// is wrong, or well again, are none: acknowledgements, downtimes, flapping.
func (c *check) reports(labels map[string]string) ([]workgroups.Report, error) {
	switch {
	case c.host == "":
		return nil, malformed("host: is missing")
	case c.state == "":
		return nil, malformed("state: is missing")
	}
	r := workgroups.Report{Host: c.host, Fingerprint: c.host, Labels: labels, Severity: severityOf(c.state)}
	switch kind := strings.ToUpper(c.kind); kind {
	case "PROBLEM", "":
		r.Resolved = over(c.state)
	case "RECOVERY":
		r.Resolved = true
	default:
		if !strings.HasPrefix(kind, "ACKNOWLEDGE") && !strings.HasPrefix(kind, "FLAPPING") && !strings.HasPrefix(kind, "DOWNTIME") && kind != "CUSTOM" {
			return nil, malformed("type: %q is no type of notification", textsafe.Line(c.kind, 40))
		}
		return nil, nil
	}
	what := c.host
	if c.service != "" {
		what = c.service
		r.Fingerprint += "/" + c.service
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels["service"] = c.service
	}
	r.Summary = what + " is " + c.state
	if c.output != "" {
		r.Summary += ": " + c.output
	}
	r.Details = paragraphs(c.output, c.long, note("address", c.address))
	return []workgroups.Report{r}, nil
}

// An icingaEvent is what Icinga Notifications takes at /process-event.
type icingaEvent struct {
	Name      text   `json:"name"`
	URL       text   `json:"url"`
	Tags      labels `json:"tags"` // which object it is about
	ExtraTags labels `json:"extra_tags"`
	Type      text   `json:"type"` // state, or something else that has happened to it
	Severity  text   `json:"severity"`
	Message   text   `json:"message"`
	Relations struct {
		Host struct {
			Name text   `json:"name"`
			Vars labels `json:"vars"`
		} `json:"host"`
	} `json:"relations"`
}

func readIcinga(r *request) ([]workgroups.Report, error) {
	var e icingaEvent
	if err := decode(r.body, &e); err != nil {
		return nil, err
	}
	rep := workgroups.Report{
		Fingerprint: first(hashLabels(e.Tags.strings()), string(e.Name)),
		Host:        first(string(e.Tags["host"]), string(e.Relations.Host.Name)),
		Labels:      map[string]string{},
		Severity:    severityOf(string(e.Severity)),
		Resolved:    over(string(e.Severity)),
	}
	switch kind := strings.ToLower(string(e.Type)); {
	case kind != "" && kind != "state": // an acknowledgement, a downtime, flapping, a mute
		return nil, nil
	case rep.Fingerprint == "":
		return nil, malformed("tags: is missing: which object is it about?")
	case e.Severity == "":
		return nil, malformed("severity: is missing")
	}
	for _, from := range []labels{e.Relations.Host.Vars, e.ExtraTags, e.Tags} {
		for name, value := range from {
			rep.Labels[name] = string(value)
		}
	}
	message, _, _ := strings.Cut(strings.TrimSpace(string(e.Message)), "\n")
	rep.Summary = first(string(e.Tags["service"]), string(e.Name), rep.Host)
	if message != "" {
		rep.Summary += ": " + message
	}
	rep.Details = paragraphs(string(e.Message), note("object", string(e.Name)), note("page", string(e.URL)))
	return []workgroups.Report{rep}, nil
}
