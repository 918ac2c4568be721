package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"adminbot/rpc"
)

const (
	maxUnitFiles = 8   // that are read for one unit
	maxHeld      = 400 // lines without a time that wait for the line they belong to
)

// syslogs are the files in which a syslog daemon mixes everybody's lines.
var syslogs = [...]string{"/var/log/syslog", "/var/log/messages", "/var/log/daemon.log"}

// Files lists the log files of a unit, those under its own name first, then the
// syslog; without a unit, the syslog alone. nginx.service has /var/log/nginx.log,
// /var/log/nginx/*.log and *.err; postgresql@15-main.service has postgresql's.
func (r *Reader) Files(unit string) []string {
	var out []string
	if unit != "" {
		for _, name := range unitNames(unit) {
			for _, glob := range []string{name + ".log", name + ".err", name + "/*.log", name + "/*.err", name + "/current"} {
				for _, root := range r.cfg.Roots {
					found, err := filepath.Glob(filepath.Join("/", r.cfg.Root, root, glob))
					if err != nil {
						continue
					}
					for _, f := range found {
						if fi, err := os.Stat(f); err == nil && fi.Mode().IsRegular() {
							out = append(out, r.outside(f))
						}
					}
				}
			}
			if len(out) > 0 {
				break // the exact name, before the looser ones
			}
		}
		slices.Sort(out)
		out = slices.Compact(out)
		out = out[:min(len(out), maxUnitFiles)]
	}
	for _, f := range syslogs {
		if fi, err := os.Stat(filepath.Join("/", r.cfg.Root, f)); err == nil && fi.Mode().IsRegular() {
			out = append(out, f)
			break
		}
	}
	return out
}

func (r *Reader) outside(f string) string {
	if r.cfg.Root == "" {
		return f
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(f, filepath.Join("/", r.cfg.Root)), "/")
}

// unitNames are the names under which a unit may keep files: the exact one, the
// template's, and that without a version or -server behind.
func unitNames(unit string) []string {
	name := unit
	for _, end := range []string{".service", ".socket", ".timer"} {
		name = strings.TrimSuffix(name, end)
	}
	if name == "" || strings.ContainsAny(name, "/*?[\\") || strings.HasPrefix(name, ".") {
		return nil
	}
	names := []string{name}
	template, _, _ := strings.Cut(name, "@")
	names = append(names, template)
	short := strings.TrimSuffix(template, "-server")
	names = append(names, short, strings.TrimRight(short, "0123456789.-"))
	names = slices.DeleteFunc(names, func(s string) bool { return s == "" })
	return slices.Compact(names)
}

// belongs reports whether a syslog line by the program ident is of the unit.
func belongs(unit, ident string) bool {
	return ident != "" && slices.Contains(unitNames(unit), ident)
}

// files is a source over files, merged by the times of their lines. With a unit,
// lines of the syslog count only if that unit's program wrote them.
func (r *Reader) files(names []string, unit string) source {
	return func(ctx context.Context, yield func(entry) bool) error {
		var streams []*stream
		defer func() {
			for _, s := range streams {
				s.close()
			}
		}()
		budget := int64(maxRead)
		var firstErr error
		for i, name := range names {
			s, err := r.open(name, &budget)
			if err != nil { // rotated away since it was listed, or not for us
				if firstErr == nil {
					firstErr = err
				}
				continue
			}
			s.id = strconv.Itoa(i)
			if unit != "" && slices.Contains(syslogs[:], name) {
				s.only = unit
			}
			s.own = unit
			streams = append(streams, s)
		}
		if len(streams) == 0 {
			return firstErr
		}
		return merge(ctx, streams, yield)
	}
}

// merge yields the entries of all streams, newest first. A line that a daemon
// wrote to two of its files counts once.
func merge(ctx context.Context, streams []*stream, yield func(entry) bool) error {
	var moment time.Time
	first := map[string]*stream{} // of the lines of one moment, where each was seen first
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var best *stream
		for _, s := range streams {
			e, ok, err := s.peek()
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			if best == nil || e.at.After(best.ready[0].at) {
				best = s
			}
		}
		if best == nil {
			return nil
		}
		e := best.ready[0]
		best.ready = best.ready[1:]
		if len(streams) > 1 && !e.at.IsZero() {
			if !e.at.Equal(moment) {
				moment = e.at
				clear(first)
			}
			if s, seen := first[e.text]; seen && s != best {
				continue
			}
			first[e.text] = best
		}
		if !yield(e) {
			return nil
		}
	}
}

// stream reads one file and, after it, the one it was rotated from, backwards.
type stream struct {
	name  string
	id    string     // its place among the streams, for cursors
	files []*os.File // the current one last opened first
	back  *backward
	next  int
	ready []entry // parsed and waiting, newest first
	only  string  // lines of this unit alone
	own   string  // whose file this is
	now   time.Time
	zone  *time.Location
	left  *int64
}

// open opens a log file below the roots, and its predecessor .1 where there is
// one.
func (r *Reader) open(name string, budget *int64) (*stream, error) {
	f, err := r.openFile(name)
	if err != nil {
		return nil, err
	}
	s := &stream{name: name, files: []*os.File{f}, now: r.cfg.Now(), zone: r.cfg.Zone, left: budget}
	if older, err := r.openFile(name + ".1"); err == nil {
		s.files = append(s.files, older)
	}
	return s, nil
}

// openFile opens a regular file below the roots, so that no symbolic link leads
// out of them.
func (r *Reader) openFile(name string) (*os.File, error) {
	for _, root := range r.cfg.Roots {
		rel, ok := strings.CutPrefix(name, path.Clean(root)+"/")
		if !ok || secret(rel) {
			continue
		}
		dir, err := os.OpenRoot(filepath.Join("/", r.cfg.Root, root))
		if err != nil {
			return nil, fileFault(name, err)
		}
		defer dir.Close()
		// A pipe must not block: look before opening.
		fi, err := dir.Stat(rel)
		if err == nil && !fi.Mode().IsRegular() {
			return nil, &rpc.Fault{Code: rpc.FaultParams, Message: fmt.Sprintf("%s is no regular file", name)}
		}
		if err != nil {
			return nil, fileFault(name, err)
		}
		f, err := dir.Open(rel)
		if err != nil {
			return nil, fileFault(name, err)
		}
		return f, nil
	}
	return nil, &rpc.Fault{Code: rpc.FaultDenied, Message: fmt.Sprintf("%s is outside what this host lets be read as a log (%s)", name, strings.Join(r.cfg.Roots, ", "))}
}

// secret reports whether a name says that it holds no log but something that
// must never be read, wherever it lies.
func secret(name string) bool {
	base := strings.ToLower(path.Base(name))
	return strings.Contains(base, "shadow") || strings.HasSuffix(base, ".key") || strings.HasSuffix(base, ".pem") || strings.HasPrefix(base, "id_")
}

func fileFault(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &rpc.Fault{Code: rpc.FaultNotFound, Message: fmt.Sprintf("there is no %s", name)}
	case errors.Is(err, fs.ErrPermission):
		return &rpc.Fault{Code: rpc.FaultUnsupported, Message: fmt.Sprintf("the host agent's user may not read %s: put it in the group that may (adm on Debian)", name)}
	}
	if strings.Contains(err.Error(), "escapes") {
		return &rpc.Fault{Code: rpc.FaultDenied, Message: fmt.Sprintf("a symbolic link in %s leads out of what may be read", name)}
	}
	return fmt.Errorf("logs: %s: %w", name, err)
}

func (s *stream) close() {
	for _, f := range s.files {
		f.Close()
	}
}

// peek makes sure that ready has an entry, if there is one.
func (s *stream) peek() (entry, bool, error) {
	for len(s.ready) == 0 {
		if s.back == nil {
			if s.next == len(s.files) {
				return entry{}, false, nil
			}
			fi, err := s.files[s.next].Stat()
			if err != nil {
				return entry{}, false, fmt.Errorf("logs: %s: %w", s.name, err)
			}
			s.back = newBackward(s.files[s.next], fi.Size())
			s.next++
		}
		if err := s.fill(); errors.Is(err, io.EOF) {
			s.back = nil
		} else if err != nil {
			return entry{}, false, fmt.Errorf("logs: %s: %w", s.name, err)
		}
	}
	return s.ready[0], true, nil
}

// fill reads the next older line, and with it those behind that have no time of
// their own: stack traces, wrapped messages. They take its time.
func (s *stream) fill() error {
	var held []entry
	for {
		if *s.left <= 0 {
			s.next = len(s.files)
			return io.EOF
		}
		line, at, err := s.back.line()
		*s.left -= int64(len(line)) + 1
		if err != nil {
			if errors.Is(err, io.EOF) && len(held) > 0 {
				s.add(held, entry{priority: -1})
				return nil
			}
			return err
		}
		e := parseLine(line, s.now, s.zone)
		e.cursor = s.id + ":" + strconv.Itoa(s.next-1) + ":" + strconv.FormatInt(at, 10)
		if !e.at.IsZero() || len(held) >= maxHeld {
			s.add(append(held, e), e)
			return nil
		}
		held = append(held, e)
	}
}

// add makes entries ready that belong to the line of head.
func (s *stream) add(group []entry, head entry) {
	if s.only != "" && !belongs(s.only, head.unit) {
		return
	}
	for _, e := range group {
		e.at = head.at
		if e.priority < 0 {
			e.priority = head.priority
		}
		if s.own != "" {
			e.unit = s.own
		} else if e.unit == "" {
			e.unit = head.unit
		}
		s.ready = append(s.ready, e)
	}
}
