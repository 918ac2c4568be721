package agentapi

import "time"

// The methods about files, below the directories that the host allows.
var (
	FileStat = Define[FileStatArgs, FileStatResult](Spec{
		Name: "file.stat", Permission: "files.stat", Class: Read, Timeout: 30 * time.Second,
		Privilege: "search access below the allowed directories",
		Help:      "Says what a file is, and its checksum if asked.",
		Words:     []string{"stat", "file info", "file size", "permissions of", "who owns", "ls", "modification time", "when was changed"},
		Sayings: []Saying{
			{Words: []string{"sha256", "sha256sum", "checksum", "hash of", "fingerprint of"}, Args: map[string]any{"hash": true}},
		},
	})
	FileRead = Define[FileReadArgs, FileReadResult](Spec{
		Name: "file.read", Permission: "files.read", Class: Sensitive, Timeout: 15 * time.Second,
		Privilege: "read access below the allowed directories",
		Help:      "Shows a part of a file; never keys, shadow files or environments.",
		Words:     []string{"cat", "read file", "show file", "contents of", "print file", "head"},
		Sayings: []Saying{
			{Words: []string{"end of", "tail of", "last part of"}, Args: map[string]any{"tail": true}},
		},
	})
	WatchList = Define[NoArgs, WatchListResult](Spec{
		Name: "watch.list", Permission: "watch.read", Class: Read, Timeout: 10 * time.Second,
		Help:  "Lists the paths that are watched for changes.",
		Words: []string{"watches", "watched files", "watched paths", "watch list", "which files are being watched", "list watches"},
	})
	WatchSet = Define[WatchSetArgs, WatchSetResult](Spec{
		Name: "watch.set", Permission: "watch.write", Class: Write, Timeout: 10 * time.Second,
		Privilege: "search access below the allowed directories",
		Help:      "Watches a path for changes, for a while or until told to stop.",
		Words:     []string{"watch", "keep an eye on", "monitor file", "watch for changes"},
		Sayings: []Saying{
			{Words: []string{"stop watching", "unwatch", "watch off"}, Args: map[string]any{"seconds": 0}},
		},
	})
)

func fileMethods() []Spec {
	return []Spec{FileStat.Spec, FileRead.Spec, WatchList.Spec, WatchSet.Spec}
}

type FileStatArgs struct {
	Path string `rpc:"path" validate:"required,abspath" words:"file,path"`
	Hash bool   `rpc:"hash,omitempty" words:"with hash,with checksum"`
}

type FileStatResult struct {
	Common
	Path            string    `rpc:"path"`
	Type            string    `rpc:"type" words:"type" help:"file, directory, symlink, …"`
	SizeBytes       float64   `rpc:"size_bytes" words:"size" most:"largest" least:"smallest"`
	Mode            string    `rpc:"mode" words:"mode,permissions" help:"octal: 0644"`
	Owner           string    `rpc:"owner" words:"owner"`
	Group           string    `rpc:"group" words:"group"`
	Mtime           time.Time `rpc:"mtime" words:"modified,changed" most:"newest" least:"oldest"`
	SHA256          string    `rpc:"sha256,omitempty" words:"sha256,checksum,hash"`
	Immutable       bool      `rpc:"immutable,omitempty" words:"immutable"`
	Package         string    `rpc:"package,omitempty" words:"package"`
	PackageModified bool      `rpc:"package_modified,omitempty" words:"modified since installed"`
}

type FileReadArgs struct {
	Path       string  `rpc:"path" validate:"required,abspath" words:"file,path"`
	Offset     float64 `rpc:"offset,omitempty" validate:"min=0" unit:"bytes"`
	LimitBytes int32   `rpc:"limit_bytes,omitempty" validate:"min=1,max=32768" default:"4096" words:"first,limit"`
	Tail       bool    `rpc:"tail,omitempty" words:"from the end" help:"the last limit_bytes"`
}

type FileReadResult struct {
	Common
	Path      string  `rpc:"path"`
	Text      string  `rpc:"text,omitempty"`
	Base64    []byte  `rpc:"base64,omitempty" help:"when it is not text"`
	SizeBytes float64 `rpc:"size_bytes" help:"of the whole file"`
	SHA256    string  `rpc:"sha256,omitempty" help:"of the whole file"`
}

type WatchListResult struct {
	Common
	Page
	Watches []Watch `rpc:"watches"`
}

type Watch struct {
	Path    string    `rpc:"path" words:"path,file"`
	Kind    string    `rpc:"kind" words:"kind"`
	Since   time.Time `rpc:"since" words:"since"`
	Events  int32     `rpc:"events" words:"events,changes" most:"busiest" agg:"sum"`
	LastAt  time.Time `rpc:"last_at,omitempty" words:"last change"`
	Healthy bool      `rpc:"healthy" words:"healthy"`
}

type WatchSetArgs struct {
	Path    string   `rpc:"path" validate:"required,abspath" words:"file,path"`
	On      []string `rpc:"on,omitempty" validate:"max=4,dive,oneof=write create delete attrib" default:"write,create,delete" words:"for,on"`
	Seconds *int32   `rpc:"seconds,omitempty" validate:"omitempty,min=0,max=604800" words:"for,until" help:"0 stops watching; without it there is no end"`
}

type WatchSetResult struct {
	Common
	Watching  bool      `rpc:"watching"`
	ExpiresAt time.Time `rpc:"expires_at,omitempty"`
}
