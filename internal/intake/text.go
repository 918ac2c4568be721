package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// bound makes a report harmless and no larger than the service takes: text that
// is too long is cut, and labels beyond the first are left out.
func bound(r *workgroups.Report, now time.Time) {
	r.Summary = textsafe.Line(strings.Join(strings.Fields(r.Summary), " "), workgroups.MaxSummary)
	r.Details = textsafe.Text(strings.TrimSpace(r.Details), workgroups.MaxDetails)
	r.Host = textsafe.Line(strings.TrimSpace(r.Host), workgroups.MaxName)
	if name := textsafe.Line(r.Fingerprint, workgroups.MaxName); name != r.Fingerprint {
		r.Fingerprint = hash(r.Fingerprint) // cut, two might become one
	}
	labels := make(map[string]string, len(r.Labels))
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		if safe := textsafe.Line(name, workgroups.MaxName); safe != "" && len(labels) < workgroups.MaxLabels {
			labels[safe] = textsafe.Line(r.Labels[name], workgroups.MaxLabel)
		}
	}
	r.Labels = labels
	r.Starts = plausible(r.Starts, now)
}

// clockSkew is how far in the future something may have begun.
const clockSkew = 24 * time.Hour

// plausible is a time since when something can be so, or zero.
func plausible(t, now time.Time) time.Time {
	if t.Year() < 1970 || t.After(now.Add(clockSkew)) {
		return time.Time{}
	}
	return t.UTC()
}

// hash is a short name of some text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// hashLabels names a set of labels; empty for none.
func hashLabels(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%q=%q\n", name, labels[name])
	}
	return hash(b.String())
}

// first is the first that is not empty or blank.
func first(texts ...string) string {
	for _, t := range texts {
		if t = strings.TrimSpace(t); t != "" {
			return t
		}
	}
	return ""
}

// paragraphs joins those that are not empty.
func paragraphs(texts ...string) string {
	texts = slices.DeleteFunc(slices.Clone(texts), func(t string) bool { return strings.TrimSpace(t) == "" })
	return strings.Join(texts, "\n")
}

// note is a line of details, if there is a value.
func note(name, value string) string {
	if strings.TrimSpace(value) == "" {
		return ""
	}
	return name + ": " + strings.TrimSpace(value)
}

// hostLabels name a host, the most certain first.
var hostLabels = []string{"host", "hostname", "host_name", "instance", "nodename", "node", "node_name", "server", "device", "machine"}

// hostOf finds the host that labels speak of, without a port.
func hostOf(labels ...map[string]string) string {
	for _, l := range labels {
		for _, name := range hostLabels {
			if h := hostName(l[name]); h != "" {
				return h
			}
		}
	}
	return ""
}

// hostName is the host of what may be a URL, or have a port.
func hostName(s string) string {
	s = strings.TrimSpace(s)
	if strings.Contains(s, "://") {
		if u, err := url.Parse(s); err == nil && u.Hostname() != "" {
			return u.Hostname()
		}
	}
	if rest, ok := strings.CutPrefix(s, "["); ok { // an IPv6 address
		if ip, _, ok := strings.Cut(rest, "]"); ok {
			return ip
		}
	}
	if host, port, ok := strings.Cut(s, ":"); ok && host != "" && strings.Trim(port, "0123456789") == "" {
		return host
	}
	return s
}
