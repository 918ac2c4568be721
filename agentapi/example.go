package agentapi

import (
	"strconv"
	"strings"
)

// Example is a value for an argument that passes its checks, as text: for help
// and generated pages.
func Example(f Field) string {
	switch {
	case f.Default != "":
		return f.Default
	case len(f.Enum) > 0:
		return f.Enum[0]
	}
	if v, ok := map[string]string{
		"unit": "nginx.service", "path": "/var/log", "mounts": "/", "name": "nginx", "names": "nginx", "user": "root",
		"method": "disk.usage", "keys": "os*", "match": "error", "pattern": "ssh*", "target": "example.org:443",
		"app": "api", "group": "pg-main", "id": "j-7", "since": "2026-11-20T13:00:00Z", "until": "2026-11-20T14:00:00Z",
		"cursor": "c1", "next": "c1", "key": "k-1", "nonce": "hello", "reason": "kernel update",
		"text": "moving racks", "actor": "alice@example.net", "version": "2.3.1", "component": "checkout",
		"host": "web01", "server": "192.0.2.53", "tag": "web", "sha256": strings.Repeat("0", 64),
	}[f.Name]; ok && f.Type != "struct" {
		return v
	}
	switch f.Type {
	case "boolean":
		return "true"
	case "int", "double":
		n := 1.0
		if f.Min != nil && *f.Min > n {
			n = *f.Min
		}
		return strconv.FormatFloat(n, 'f', -1, 64)
	case "dateTime.iso8601":
		return "2026-11-20T14:00:00Z"
	case "base64":
		return "aGVsbG8="
	}
	return strings.ToLower(f.Name)
}
