package intake

import (
	"strings"

	"adminbot/workgroups"
)

// severityOf is the severity that is meant by a word of another system: those of
// Prometheus' users, syslog, Nagios, Icinga, Zabbix, PagerDuty, Opsgenie. A word
// that is not known is a warning.
func severityOf(word string) workgroups.Severity {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "critical", "crit", "page", "pager", "disaster", "emergency", "emerg", "fatal", "panic", "alert", "blocker", "high",
		"down", "unreachable", "p0", "p1", "sev0", "sev1", "s1":
		return workgroups.Critical
	case "info", "information", "informational", "notice", "debug", "low", "trivial", "none", "ok", "not classified",
		"p4", "p5", "sev4", "sev5", "s4", "s5":
		return workgroups.Info
	}
	return workgroups.Warning // warning, error, major, minor, average, medium, unknown, p2, p3
}

// severityLabels say how urgent something is, the most certain first.
var severityLabels = []string{"severity", "priority", "level", "urgency"}

// severityIn is the severity that labels speak of.
func severityIn(labels ...map[string]string) workgroups.Severity {
	for _, l := range labels {
		for _, name := range severityLabels {
			if l[name] != "" {
				return severityOf(l[name])
			}
		}
	}
	return workgroups.Warning
}

// over reports whether a word for the state of something says that it is well
// again.
func over(word string) bool {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "resolved", "resolve", "ok", "up", "recovery", "recovered", "close", "closed", "normal", "clear", "cleared", "inactive":
		return true
	}
	return false
}
