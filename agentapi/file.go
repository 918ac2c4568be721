package agentapi

import "time"

// The methods about files, below the directories that the host allows.
var (
	FileStat = Define[FileStatArgs, FileStatResult](Spec{
		Name: "file.stat", Permission: "files.stat", Class: Read, Timeout: 30 * time.Second,
		Privilege: "search access below the allowed directories",
		Help:      "Says what a file is, and its checksum if asked.",
	})
	FileRead = Define[FileReadArgs, FileReadResult](Spec{
		Name: "file.read", Permission: "files.read", Class: Sensitive, Timeout: 15 * time.Second,
		Privilege: "read access below the allowed directories",
		Help:      "Shows a part of a file; never keys, shadow files or environments.",
	})
	WatchList = Define[NoArgs, WatchListResult](Spec{
		Name: "watch.list", Permission: "watch.read", Class: Read, Timeout: 10 * time.Second,
		Help: "Lists the paths that are watched for changes.",
	})
	WatchSet = Define[WatchSetArgs, WatchSetResult](Spec{
		Name: "watch.set", Permission: "watch.write", Class: Write, Timeout: 10 * time.Second,
		Privilege: "search access below the allowed directories",
		Help:      "Watches a path for changes, for a while or until told to stop.",
	})
)

func fileMethods() []Spec {
	return []Spec{Spec(FileStat), Spec(FileRead), Spec(WatchList), Spec(WatchSet)}
}

type FileStatArgs struct {
	Path string `rpc:"path" validate:"required,abspath"`
	Hash bool   `rpc:"hash,omitempty"`
}

type FileStatResult struct {
	Common
	Path            string    `rpc:"path"`
	Type            string    `rpc:"type" help:"file, directory, symlink, …"`
	SizeBytes       float64   `rpc:"size_bytes"`
	Mode            string    `rpc:"mode" help:"octal: 0644"`
	Owner           string    `rpc:"owner"`
	Group           string    `rpc:"group"`
	Mtime           time.Time `rpc:"mtime"`
	SHA256          string    `rpc:"sha256,omitempty"`
	Immutable       bool      `rpc:"immutable,omitempty"`
	Package         string    `rpc:"package,omitempty"`
	PackageModified bool      `rpc:"package_modified,omitempty"`
}

type FileReadArgs struct {
	Path       string  `rpc:"path" validate:"required,abspath"`
	Offset     float64 `rpc:"offset,omitempty" validate:"min=0" unit:"bytes"`
	LimitBytes int32   `rpc:"limit_bytes,omitempty" validate:"min=1,max=32768" default:"4096"`
	Tail       bool    `rpc:"tail,omitempty" help:"the last limit_bytes"`
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
	Path    string    `rpc:"path"`
	Kind    string    `rpc:"kind"`
	Since   time.Time `rpc:"since"`
	Events  int32     `rpc:"events" agg:"sum"`
	LastAt  time.Time `rpc:"last_at,omitempty"`
	Healthy bool      `rpc:"healthy"`
}

type WatchSetArgs struct {
	Path    string   `rpc:"path" validate:"required,abspath"`
	On      []string `rpc:"on,omitempty" validate:"max=4,dive,oneof=write create delete attrib" default:"write,create,delete"`
	Seconds *int32   `rpc:"seconds,omitempty" validate:"omitempty,min=0,max=604800" help:"0 stops watching; without it there is no end"`
}

type WatchSetResult struct {
	Common
	Watching  bool      `rpc:"watching"`
	ExpiresAt time.Time `rpc:"expires_at,omitempty"`
}
