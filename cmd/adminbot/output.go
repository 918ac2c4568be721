package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"adminbot/bot"
	"adminbot/internal/textsafe"
)

// output prints the results of a direct call in the form that was asked for.
type output struct {
	std    streams
	call   *directCall
	form   rpcCmd
	began  time.Time
	bar    *progressbar.ProgressBar
	broken error // the first error of printing
}

// barAfter is the number of hosts from which a terminal shows progress.
const barAfter = 20

func (c rpcCmd) output(std streams, call *directCall) *output {
	o := &output{std: std, call: call, form: c, began: time.Now()}
	if f, ok := std.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) && len(call.hosts) >= barAfter && !c.NDJSON {
		o.bar = progressbar.NewOptions(len(call.hosts), progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(call.spec.Name),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	}
	return o
}

// progress is told of each result as it comes.
func (o *output) progress(r bot.Result) {
	if o.bar != nil {
		o.bar.Add(1)
	}
	if !o.form.NDJSON || o.broken != nil {
		return
	}
	o.broken = writeJSON(o.std.out, hostJSON(r), "")
}

// finish prints what is left to print and returns the exit code as an error.
func (o *output) finish(results []bot.Result) error {
	if o.bar != nil {
		o.bar.Finish()
	}
	slices.SortStableFunc(results, func(a, b bot.Result) int { return strings.Compare(a.Host, b.Host) })
	counts := bot.Count(results)
	switch {
	case o.form.NDJSON:
	case o.form.JSON:
		o.broken = o.printDocument(results, counts)
	case o.form.Group:
		o.broken = o.printGroups(results)
	default:
		_, o.broken = fmt.Fprintln(o.std.out, bot.Text(o.call.spec, o.call.args, o.call.dryRun, results, time.Since(o.began)))
	}
	if o.broken != nil {
		return o.broken
	}
	if code := counts.Exit(); code != exitOK {
		return exit(code, nil)
	}
	return nil
}

type hostResult struct {
	Host   string `json:"host"`
	Status string `json:"status"` // ok, failed, refused, unreachable, no_answer, expired, skipped
	Result any    `json:"result,omitempty"`
	Code   int    `json:"code,omitempty"`
	Error  string `json:"error,omitempty"`
	TookMS int64  `json:"took_ms"`
	Key    string `json:"key,omitempty"`
}

func hostJSON(r bot.Result) hostResult {
	status, _ := r.Outcome.MarshalText() // cannot fail
	return hostResult{r.Host, string(status), r.Value, r.Code, r.Why, r.Took.Milliseconds(), r.Key}
}

// appendMembers appends the members of r as JSON has them.
func (r hostResult) appendMembers(all []field) []field {
	all = append(all, field{"host", r.Host}, field{"status", r.Status})
	if r.Result != nil {
		all = append(all, field{"result", r.Result})
	}
	if r.Code != 0 {
		all = append(all, field{"code", int64(r.Code)})
	}
	if r.Error != "" {
		all = append(all, field{"error", r.Error})
	}
	all = append(all, field{"took_ms", r.TookMS})
	if r.Key != "" {
		all = append(all, field{"key", r.Key})
	}
	return all
}

// printedAtOnce is how many results are encoded together.
const printedAtOnce = 64

// printDocument prints all results as one document. They are encoded beside each
// other: of thousands of hosts that is much of a command's work.
func (o *output) printDocument(results []bot.Result, counts bot.Counts) error {
	head, err := json.MarshalIndent(struct {
		Method string         `json:"method"`
		Args   map[string]any `json:"args"`
		DryRun bool           `json:"dry_run,omitempty"`
		bot.Counts
		TookMS  int64        `json:"took_ms"`
		Results []hostResult `json:"results"`
	}{o.call.spec.Name, o.call.args, o.call.dryRun, counts, time.Since(o.began).Milliseconds(), []hostResult{}}, "", "  ")
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(o.std.out, 64<<10)
	w.Write(visible(bytes.TrimSuffix(head, []byte("]\n}"))))
	workers := runtime.GOMAXPROCS(0)
	parts := make([][]byte, workers) // the memory of each
	for next := 0; next < len(results); {
		var encoders errgroup.Group
		for i := range parts {
			chunk := results[next:min(next+printedAtOnce, len(results))]
			first := next == 0
			next += len(chunk)
			encoders.Go(func() (err error) {
				parts[i], err = appendResults(parts[i][:0], chunk, first)
				return err
			})
		}
		if err := encoders.Wait(); err != nil {
			return err
		}
		for _, part := range parts {
			w.Write(visible(part))
		}
	}
	if len(results) > 0 {
		w.WriteString("\n  ")
	}
	w.WriteString("]\n}\n")
	return w.Flush()
}

// appendResults appends results as elements of the document's list; first says
// whether there are none before them.
func appendResults(dst []byte, results []bot.Result, first bool) (_ []byte, err error) {
	var members []field
	for i, r := range results {
		if i > 0 || !first {
			dst = append(dst, ',')
		}
		dst = append(dst, "\n    "...)
		members = hostJSON(r).appendMembers(members[:0])
		if dst, err = appendIndented(dst, members, 2); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// printGroups prints identical answers once, with the hosts that gave them.
// What differs by nature (when, how long) does not count.
func (o *output) printGroups(results []bot.Result) error {
	type group struct {
		Hosts  []string `json:"hosts"`
		Status string   `json:"status"`
		Result any      `json:"result,omitempty"`
		Code   int      `json:"code,omitempty"`
		Error  string   `json:"error,omitempty"`
	}
	var groups []group
	for _, r := range results {
		h := hostJSON(r)
		if top, ok := h.Result.(map[string]any); ok {
			delete(top, "at")
			delete(top, "took_ms")
		}
		g := group{[]string{r.Host}, h.Status, h.Result, h.Code, h.Error}
		i := slices.IndexFunc(groups, func(o group) bool {
			return o.Status == g.Status && o.Code == g.Code && o.Error == g.Error && reflect.DeepEqual(o.Result, g.Result)
		})
		if i < 0 {
			groups = append(groups, g)
		} else {
			groups[i].Hosts = append(groups[i].Hosts, r.Host)
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return len(a.Hosts) - len(b.Hosts) })
	return printJSON(o.std, map[string]any{"method": o.call.spec.Name, "groups": groups})
}

func printJSON(std streams, v any) error { return writeJSON(std.out, v, "  ") }

// writeJSON writes v as one document and a line end. Characters that a terminal
// obeys or that cannot be seen are escaped (RFC 8259 7): much of what is in v
// was written by hosts.
func writeJSON(w io.Writer, v any, indent string) error {
	var doc bytes.Buffer
	enc := json.NewEncoder(&doc)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(visible(doc.Bytes()))
	return err
}

// visible escapes in a document what a terminal obeys or that cannot be seen.
func visible(doc []byte) []byte {
	var out []byte // nil: nothing is escaped so far
	done := 0      // bytes of doc that are in out
	for i := 0; i < len(doc); {
		if c := doc[i]; c >= ' ' && c < 0x7F || c == '\n' { // outside of strings a document has no others
			i++
			continue
		}
		r, n := utf8.DecodeRune(doc[i:])
		if unicode.IsControl(r) || textsafe.Hidden(r) {
			out = append(out, doc[done:i]...)
			if hi, lo := utf16.EncodeRune(r); r > 0xFFFF {
				out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			done = i + n
		}
		i += n
	}
	if out == nil {
		return doc
	}
	return append(out, doc[done:]...)
}
