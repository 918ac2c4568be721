package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/redact"
	"adminbot/rpc"
)

const (
	maxFactFile  = 64 << 10 // bytes
	maxFactFiles = 100
	maxFacts     = 500
	maxFactText  = 1024 // bytes of one value
)

// Facts answers host.facts: what the machine found about itself and, above it,
// what the site says about it in its facts directory (role, env, site, …). Files
// are read in the order of their names, later ones win. A file that cannot be
// read is named and the others still count.
func (r *Reader) Facts(ctx context.Context, args agentapi.HostFactsArgs) (agentapi.HostFactsResult, error) {
	var res agentapi.HostFactsResult
	for _, glob := range args.Keys {
		if _, err := path.Match(glob, ""); err != nil {
			return res, &rpc.Fault{Code: rpc.FaultParams, Message: fmt.Sprintf("keys: %q is no glob", glob)}
		}
	}
	s, err := r.steady(ctx)
	if err != nil {
		return res, err
	}
	facts := map[string]string{
		"hostname": s.hostname, "fqdn": s.fqdn, "os": s.os, "os_version": s.osVersion, "kernel": s.kernel, "arch": s.arch,
		"virtualization": s.virtualization, "cpu_count": strconv.Itoa(int(s.cpuCount)),
		"memory_bytes": strconv.FormatInt(s.memoryBytes, 10), "addresses": strings.Join(s.addresses, " "),
	}
	for key, value := range facts {
		if value == "" {
			delete(facts, key)
		}
	}
	res.Errors = r.site(facts)
	res.Facts = facts
	if len(args.Keys) > 0 {
		res.Facts = map[string]string{}
		for key, value := range facts {
			if slices.ContainsFunc(args.Keys, func(g string) bool { ok, _ := path.Match(g, key); return ok }) {
				res.Facts[key] = value
			}
		}
	}
	return res, nil
}

// site adds the facts of the files to facts, and says which files are wrong.
func (r *Reader) site(facts map[string]string) (wrong []string) {
	entries, err := os.ReadDir(r.facts) // sorted by name
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return []string{err.Error()}
	}
	files := 0
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue
		}
		if files++; files > maxFactFiles {
			return append(wrong, fmt.Sprintf("%s: only the first %d files are read", r.facts, maxFactFiles))
		}
		if err := readFacts(filepath.Join(r.facts, e.Name()), facts); err != nil {
			wrong = append(wrong, redact.Clean(e.Name()+": "+err.Error(), 300))
		}
	}
	return wrong
}

// readFacts reads one file by its ending: .toml, .json, or else name=value lines.
// A file that is wrong anywhere adds nothing.
func readFacts(file string, facts map[string]string) error {
	fi, err := os.Stat(file)
	if err != nil {
		return err
	}
	if !fi.Mode().IsRegular() {
		return errors.New("it is no regular file")
	}
	if fi.Size() > maxFactFile {
		return fmt.Errorf("it is larger than %d bytes", maxFactFile)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	found := map[string]string{}
	switch filepath.Ext(file) {
	case ".toml", ".json":
		var tree map[string]any
		if filepath.Ext(file) == ".toml" {
			err = toml.Unmarshal(b, &tree)
		} else {
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			err = d.Decode(&tree)
		}
		if err == nil {
			err = flatten("", tree, found)
		}
	default:
		err = parseLines(b, found)
	}
	if err != nil {
		return err
	}
	for key, value := range found {
		if _, known := facts[key]; !known && len(facts) >= maxFacts {
			return fmt.Errorf("there are more than %d facts", maxFacts)
		}
		facts[key] = value
	}
	return nil
}

// parseLines reads name=value lines; # begins a comment line.
func parseLines(b []byte, out map[string]string) error {
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return fmt.Errorf("line %d: want name=value", n)
		}
		if err := put(out, strings.TrimSpace(key), unquote(strings.TrimSpace(value))); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

// flatten turns tables within tables into dotted keys, lists into words.
func flatten(prefix string, tree map[string]any, out map[string]string) error {
	for key, value := range tree {
		if prefix != "" {
			key = prefix + "." + key
		}
		if sub, ok := value.(map[string]any); ok {
			if err := flatten(key, sub, out); err != nil {
				return err
			}
			continue
		}
		text, err := scalar(value)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if err := put(out, key, text); err != nil {
			return err
		}
	}
	return nil
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case json.Number:
		return v.String(), nil
	case time.Time:
		return v.UTC().Format(time.RFC3339), nil
	case fmt.Stringer: // TOML's local dates and times
		return v.String(), nil
	case []any:
		words := make([]string, 0, len(v))
		for _, e := range v {
			w, err := scalar(e)
			if err != nil {
				return "", err
			}
			words = append(words, w)
		}
		return strings.Join(words, " "), nil
	case nil:
		return "", nil
	}
	return "", fmt.Errorf("a %T is no fact", v)
}

// put adds one fact whose name can stand in a selector.
func put(out map[string]string, key, value string) error {
	if key == "" || len(key) > 64 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		return fmt.Errorf("%.80q is no name for a fact: want letters, digits and . _ -", key)
	}
	out[key] = redact.Clean(value, maxFactText)
	return nil
}
