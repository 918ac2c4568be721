package agentapi

import "time"

// The methods about logs.
var (
	LogQuery = method[LogQueryArgs, LogQueryResult](Spec{
		Name: "log.query", Permission: "log.read", Class: Sensitive, Timeout: 30 * time.Second, Built: true,
		Privilege: "group systemd-journal or adm",
		Help:      "Shows lines of the journal, of a service's log or of a log file, secrets cut out.",
		Words: []string{"log", "logs", "journal", "log lines", "show the log", "grep", "syslog lines", "what does the log say",
			"journalctl", "last lines"},
		Sayings: []Saying{
			{Words: []string{"errors", "error log", "errors in the log", "log errors"}, Args: map[string]any{"priority": "err"}},
			{Words: []string{"warnings", "warnings in the log"}, Args: map[string]any{"priority": "warning"}},
			{Words: []string{"syslog"}, Args: map[string]any{"path": "/var/log/syslog"}},
		},
	})
)

func logMethods() []Spec { return []Spec{LogQuery.Spec} }

type LogQueryArgs struct {
	Source   string     `rpc:"source,omitempty" validate:"omitempty,oneof=journal file" words:"source" help:"without it: file when path is given, else the journal where there is one, else the unit's files"`
	Unit     string     `rpc:"unit,omitempty" validate:"omitempty,unit,excluded_with=Path" words:"unit,service,of"`
	Path     string     `rpc:"path,omitempty" validate:"omitempty,abspath" words:"file,path,in"`
	Since    *time.Time `rpc:"since,omitempty" words:"since,after,from,in the last"`
	Until    *time.Time `rpc:"until,omitempty" words:"until,before,to"`
	Priority string     `rpc:"priority,omitempty" validate:"omitempty,oneof=emerg alert crit err warning notice info debug" words:"priority,level,severity" values:"err=error|errors|err;warning=warning|warnings|warn;crit=critical|crit;debug=debug;info=info" help:"this and graver"`
	Match    string     `rpc:"match,omitempty" validate:"omitempty,re2" words:"matching,containing,with,that say,mentioning,about" help:"a regular expression over the text"`
	Limit    int32      `rpc:"limit,omitempty" validate:"min=1,max=500" default:"100" words:"last,lines,limit"`
	Before   int32      `rpc:"before,omitempty" validate:"min=0,max=5" default:"0" help:"lines of context before each match"`
	After    int32      `rpc:"after,omitempty" validate:"min=0,max=5" default:"0" help:"and after"`
	Cursor   string     `rpc:"cursor,omitempty" validate:"max=512" help:"go on before this line: next of an earlier answer"`
}

type LogQueryResult struct {
	Common
	Page
	Source       string    `rpc:"source" help:"journal, or the files that were read"`
	Lines        []LogLine `rpc:"lines" help:"oldest first"`
	MatchedTotal int32     `rpc:"matched_total" words:"matches" agg:"sum"`
	Scanned      int32     `rpc:"scanned"`
}

// LogLine is one line, cleaned to what XML 1.0 can carry.
type LogLine struct {
	At       *time.Time `rpc:"at,omitempty" words:"time,when" help:"absent where the line does not say"`
	Unit     string     `rpc:"unit,omitempty" words:"unit,service"`
	Priority string     `rpc:"priority,omitempty" words:"priority,severity"`
	Text     string     `rpc:"text" words:"text,message,line"`
	Cursor   string     `rpc:"cursor,omitempty"`
	Context  bool       `rpc:"context,omitempty" help:"shown only beside a match"`
}
