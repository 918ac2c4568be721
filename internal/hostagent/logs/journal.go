package logs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// journal is the path of journalctl if this host keeps a journal; else empty.
func (r *Reader) journal() string {
	if r.cfg.Journalctl == "-" {
		return ""
	}
	kept := false
	for _, dir := range []string{"/var/log/journal", "/run/log/journal"} {
		files, err := filepath.Glob(filepath.Join("/", r.cfg.Root, dir, "*", "*.journal"))
		kept = kept || err == nil && len(files) > 0
	}
	if !kept {
		return ""
	}
	if r.cfg.Journalctl != "" {
		return r.cfg.Journalctl
	}
	for _, p := range []string{"/usr/bin/journalctl", "/bin/journalctl"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// journalSource runs journalctl with a fixed argument list. Every word of it that
// a caller influences is checked before and stands behind its option, so that it
// cannot become another one.
func (r *Reader) journalSource(program, unit string, args agentapi.LogQueryArgs) source {
	argv := []string{"--output=json", "--no-pager", "--quiet", "--reverse", "--all",
		"--output-fields=MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER,__REALTIME_TIMESTAMP"}
	if r.cfg.Root != "" {
		argv = append(argv, "--root="+r.cfg.Root)
	}
	if unit != "" {
		argv = append(argv, "--unit="+unit)
	}
	if !args.Since.IsZero() {
		argv = append(argv, "--since=@"+strconv.FormatInt(args.Since.Unix(), 10))
	}
	if !args.Until.IsZero() {
		argv = append(argv, "--until=@"+strconv.FormatInt(args.Until.Unix()+1, 10))
	}
	if args.Cursor != "" {
		argv = append(argv, "--cursor="+args.Cursor)
	}
	// With context asked for, lines of other priorities are wanted beside.
	if args.Priority != "" && args.Before == 0 && args.After == 0 {
		argv = append(argv, "--priority="+args.Priority)
	}
	return func(ctx context.Context, yield func(entry) bool) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		cmd := exec.CommandContext(ctx, program, argv...)
		cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=UTC"}
		cmd.WaitDelay = time.Second
		var errText tail
		cmd.Stderr = &errText
		out, err := cmd.StdoutPipe()
		if err != nil {
			return fmt.Errorf("logs: journalctl: %w", err)
		}
		if err := cmd.Start(); err != nil {
			return &rpc.Fault{Code: rpc.FaultDependency, Message: "journalctl does not start: " + err.Error()}
		}
		readErr := readJournal(out, yield)
		cancel() // it may have more to say
		waitErr := cmd.Wait()
		switch {
		case errors.Is(readErr, errStop):
			return nil
		case readErr != nil:
			return readErr
		case waitErr != nil && ctx.Err() == nil:
			return &rpc.Fault{Code: rpc.FaultDependency, Message: "journalctl failed: " + waitErr.Error() + ": " + errText.String()}
		}
		var exit *exec.ExitError
		if errors.As(waitErr, &exit) && exit.Exited() && exit.ExitCode() != 0 {
			return &rpc.Fault{Code: rpc.FaultDependency, Message: "journalctl failed: " + errText.String()}
		}
		return nil
	}
}

// readJournal reads one JSON object a line.
func readJournal(r io.Reader, yield func(entry) bool) error {
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := readLine(br)
		if len(line) > 0 {
			e, ok := parseJournal(line)
			if ok && !yield(e) {
				return errStop
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("logs: journalctl: %w", err)
		}
	}
}

// maxJournalLine bounds one object of journalctl's. A longer one is passed over.
const maxJournalLine = 1 << 20

func readLine(br *bufio.Reader) ([]byte, error) {
	var line []byte
	tooLong := false
	for {
		part, err := br.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
			tooLong = len(line) > maxJournalLine
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if tooLong {
			line = nil
		}
		return line, err
	}
}

// parseJournal reads one object of journalctl -o json: every field is a string,
// or a list of numbers where its bytes are not text.
func parseJournal(line []byte) (entry, bool) {
	var f struct {
		Message  json.RawMessage `json:"MESSAGE"`
		Priority string          `json:"PRIORITY"`
		Unit     string          `json:"_SYSTEMD_UNIT"`
		About    string          `json:"UNIT"` // what systemd itself says of a unit
		Ident    string          `json:"SYSLOG_IDENTIFIER"`
		Micros   string          `json:"__REALTIME_TIMESTAMP"`
		Cursor   string          `json:"__CURSOR"`
	}
	if err := json.Unmarshal(line, &f); err != nil {
		return entry{}, false
	}
	e := entry{unit: f.Unit, priority: -1, cursor: f.Cursor}
	if f.About != "" {
		e.unit = f.About
	}
	if e.unit == "" {
		e.unit = f.Ident
	}
	if n, err := strconv.Atoi(f.Priority); err == nil && n >= 0 && n <= 7 {
		e.priority = n
	}
	if us, err := strconv.ParseInt(f.Micros, 10, 64); err == nil {
		e.at = time.UnixMicro(us).UTC()
	}
	if len(f.Message) > 0 && f.Message[0] == '[' {
		var numbers []uint8
		var wide []int
		if err := json.Unmarshal(f.Message, &wide); err == nil {
			for _, n := range wide {
				numbers = append(numbers, byte(n))
			}
		}
		e.text = string(numbers)
	} else if len(f.Message) > 0 {
		if err := json.Unmarshal(f.Message, &e.text); err != nil {
			return entry{}, false
		}
	}
	return e, true
}

// tail keeps the first part of what a program complains about.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if room := 500 - t.Len(); room > 0 {
		t.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(t.Buffer.String()) }
