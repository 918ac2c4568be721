package agentapi

import "time"

// The methods about logs.
var (
	LogQuery = Define[LogQueryArgs, LogQueryResult](Spec{
		Name: "log.query", Permission: "log.read", Class: Sensitive, Timeout: 30 * time.Second, Built: true,
		Privilege: "group systemd-journal or adm",
		Help:      "Shows lines of the journal, of a service's log or of a log file, secrets cut out.",
	})
	LogTail = Define[LogTailArgs, LogTailResult](Spec{
		Name: "log.tail", Permission: "log.read", Class: Sensitive, Timeout: 10 * time.Second,
		Privilege: "group systemd-journal or adm",
		Help:      "Follows a log for a while; lines come as they are written.",
	})
	LogCount = Define[LogCountArgs, LogCountResult](Spec{
		Name: "log.count", Permission: "log.count", Class: Read, Timeout: 30 * time.Second,
		Privilege: "group systemd-journal or adm",
		Help:      "Counts log lines that match, over time and by what they say.",
	})
	LogLevelGet = Define[LogLevelGetArgs, LogLevelGetResult](Spec{
		Name: "log.level.get", Permission: "loglevel.read", Class: Read, Timeout: 15 * time.Second,
		Privilege: "the application's own hook",
		Help:      "Says at which level an application logs.",
	})
	LogLevelSet = Define[LogLevelSetArgs, LogLevelSetResult](Spec{
		Name: "log.level.set", Permission: "loglevel.write", Class: Write, Timeout: 15 * time.Second,
		Privilege: "the application's own hook",
		Help:      "Changes an application's log level for a while; it always goes back.",
	})
)

func logMethods() []Spec {
	return []Spec{Spec(LogQuery), Spec(LogTail), Spec(LogCount), Spec(LogLevelGet), Spec(LogLevelSet)}
}

type LogQueryArgs struct {
	Source   string    `rpc:"source,omitempty" validate:"omitempty,oneof=journal file" help:"without it: file when path is given, else the journal where there is one, else the unit's files"`
	Unit     string    `rpc:"unit,omitempty" validate:"omitempty,unit,excluded_with=Path"`
	Path     string    `rpc:"path,omitempty" validate:"omitempty,abspath"`
	Since    time.Time `rpc:"since,omitempty"`
	Until    time.Time `rpc:"until,omitempty"`
	Priority string    `rpc:"priority,omitempty" validate:"omitempty,oneof=emerg alert crit err warning notice info debug" help:"this and graver"`
	Match    string    `rpc:"match,omitempty" validate:"omitempty,re2" help:"a regular expression over the text"`
	Limit    int32     `rpc:"limit,omitempty" validate:"min=1,max=500" default:"100"`
	Before   int32     `rpc:"before,omitempty" validate:"min=0,max=5" default:"0" help:"lines of context before each match"`
	After    int32     `rpc:"after,omitempty" validate:"min=0,max=5" default:"0" help:"and after"`
	Cursor   string    `rpc:"cursor,omitempty" validate:"max=512" help:"go on before this line: next of an earlier answer"`
}

type LogQueryResult struct {
	Common
	Page
	Source       string    `rpc:"source" help:"journal, or the files that were read"`
	Lines        []LogLine `rpc:"lines" help:"oldest first"`
	MatchedTotal int32     `rpc:"matched_total" agg:"sum"`
	Scanned      int32     `rpc:"scanned"`
}

// LogLine is one line, cleaned to what XML 1.0 can carry.
type LogLine struct {
	At       time.Time `rpc:"at,omitempty" help:"absent where the line does not say"`
	Unit     string    `rpc:"unit,omitempty"`
	Priority string    `rpc:"priority,omitempty"`
	Text     string    `rpc:"text"`
	Cursor   string    `rpc:"cursor,omitempty"`
	Context  bool      `rpc:"context,omitempty" help:"shown only beside a match"`
}

type LogTailArgs struct {
	Source     string `rpc:"source,omitempty" validate:"omitempty,oneof=journal file"`
	Unit       string `rpc:"unit,omitempty" validate:"required_without=Path,omitempty,unit,excluded_with=Path"`
	Path       string `rpc:"path,omitempty" validate:"omitempty,abspath"`
	Priority   string `rpc:"priority,omitempty" validate:"omitempty,oneof=emerg alert crit err warning notice info debug"`
	Match      string `rpc:"match,omitempty" validate:"omitempty,re2"`
	TTLSeconds int32  `rpc:"ttl_seconds,omitempty" validate:"min=10,max=900" default:"120"`
	Rate       int32  `rpc:"rate,omitempty" validate:"min=1,max=50" default:"20" unit:"per_s" help:"lines a second at most"`
}

type LogTailResult struct {
	Common
	ID        string    `rpc:"id" help:"of the stream"`
	Node      string    `rpc:"node" help:"the pubsub node of the agent on which lines come"`
	ExpiresAt time.Time `rpc:"expires_at"`
}

type LogCountArgs struct {
	Source string `rpc:"source,omitempty" validate:"omitempty,oneof=journal file"`
	Unit   string `rpc:"unit,omitempty" validate:"required_without=Path,omitempty,unit,excluded_with=Path"`
	Path   string `rpc:"path,omitempty" validate:"omitempty,abspath"`
	Match  string `rpc:"match" validate:"required,re2"`
	Group  string `rpc:"group,omitempty" validate:"omitempty,re2" help:"its first parenthesis is the key"`
	Window int32  `rpc:"window,omitempty" validate:"dur" default:"600" unit:"seconds"`
	Bucket int32  `rpc:"bucket,omitempty" validate:"dur" default:"60" unit:"seconds"`
}

type LogCountResult struct {
	Common
	Total   int32       `rpc:"total" agg:"sum,max"`
	PerS    float64     `rpc:"per_s" agg:"sum,max"`
	Buckets []LogBucket `rpc:"buckets"`
	Groups  []LogGroup  `rpc:"groups,omitempty"`
}

type LogBucket struct {
	At    time.Time `rpc:"at"`
	Count int32     `rpc:"count"`
}

type LogGroup struct {
	Key   string `rpc:"key"`
	Count int32  `rpc:"count"`
}

type LogLevelGetArgs struct {
	App string `rpc:"app" validate:"required,id"`
}

type LogLevelGetResult struct {
	Common
	Level     string    `rpc:"level"`
	Since     time.Time `rpc:"since,omitempty"`
	RevertsAt time.Time `rpc:"reverts_at,omitempty"`
}

type LogLevelSetArgs struct {
	App     string `rpc:"app" validate:"required,id"`
	Level   string `rpc:"level" validate:"required,oneof=debug info warn error"`
	Seconds int32  `rpc:"seconds,omitempty" validate:"min=60,max=86400" default:"3600"`
}

type LogLevelSetResult struct {
	Common
	Before    string    `rpc:"before"`
	After     string    `rpc:"after"`
	RevertsAt time.Time `rpc:"reverts_at" help:"it always goes back"`
}
