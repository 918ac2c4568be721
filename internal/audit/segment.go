package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Damage is a line that is not what was written. The log is left as it is.
type Damage struct {
	File string
	Line int // from 1
	Msg  string
}

func (d *Damage) Error() string {
	return fmt.Sprintf("audit: %s:%d: %s\nhint: nothing was changed; move the file and its numbered segments away to begin a new log", d.File, d.Line, d.Msg)
}

// segment is a numbered, finished file of the log.
type segment struct {
	number int
	path   string
}

func segmentName(path string, number int) string { return fmt.Sprintf("%s.%06d", path, number) }

// segments lists the finished files, oldest first.
func segments(path string) ([]segment, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var out []segment
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), base+".")
		if !ok || len(digits) < 6 || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			continue
		}
		out = append(out, segment{n, filepath.Join(dir, e.Name())})
	}
	slices.SortFunc(out, func(a, b segment) int { return a.number - b.number })
	return out, nil
}

// scanned is what a pass over a file found.
type scanned struct {
	first string // prev_hash of the first line
	last  string // hash of the last line, or what it was given
	lines int
	size  int64  // bytes of whole lines
	torn  []byte // what follows the last newline
}

// scan checks every line of the file against its hash and the line before.
// prev is the hash the first line must continue, nil if any will do. each, if
// not nil, is given every whole line.
func scan(name string, prev *string, each func(n int, line []byte) error) (scanned, error) {
	var sc scanned
	if prev != nil {
		sc.last = *prev
	}
	f, err := os.Open(name)
	if err != nil {
		return sc, fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, MaxLine)
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			sc.torn = bytes.Clone(line)
			return sc, nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			// More than a line and no newline: only a torn end may look so.
			rest, err := io.ReadAll(io.LimitReader(r, MaxLine+1))
			if err == nil && len(rest) <= MaxLine && !bytes.Contains(rest, []byte{'\n'}) {
				sc.torn = append(bytes.Clone(line), rest...)
				return sc, nil
			}
			return sc, &Damage{name, sc.lines + 1, fmt.Sprintf("a line of more than %d bytes", MaxLine)}
		}
		if err != nil {
			return sc, fmt.Errorf("audit: %w", err)
		}
		before, hash, ok := check(line)
		if !ok {
			return sc, &Damage{name, sc.lines + 1, "the line does not have the hash it carries"}
		}
		if sc.lines == 0 {
			sc.first = before
		}
		if before != sc.last && (sc.lines > 0 || prev != nil) {
			msg := "the line does not follow the one before it"
			if sc.lines == 0 {
				msg = "the line does not follow the file before this one"
			}
			return sc, &Damage{name, sc.lines + 1, msg}
		}
		sc.lines++
		sc.last = hash
		sc.size += int64(len(line))
		if each != nil {
			if err := each(sc.lines, line); err != nil {
				return sc, err
			}
		}
	}
}

const (
	hashAt = len(`,"hash":"`) + 2*sha256.Size + len("\"}\n")
	prevAt = len(`,"prev_hash":""`) + 2*sha256.Size
)

// check recomputes the hash of a line and takes out the two it carries. It
// looks at the bytes alone, so that every change of them shows.
func check(line []byte) (prev, hash string, ok bool) {
	if len(line) < hashAt {
		return "", "", false
	}
	body, tail := line[:len(line)-hashAt], string(line[len(line)-hashAt:])
	sum := sha256.Sum256(body)
	hash = hex.EncodeToString(sum[:])
	if tail != `,"hash":"`+hash+"\"}\n" {
		return "", "", false
	}
	at := bytes.LastIndex(body, []byte(`,"prev_hash":"`))
	if at < 0 || len(body) < at+len(`,"prev_hash":""`) || body[len(body)-1] != '"' {
		return "", "", false
	}
	prev = string(body[at+len(`,"prev_hash":"`) : len(body)-1])
	return prev, hash, prev == "" || len(prev) == 2*sha256.Size
}

// lastHash reads the hash of the last line of a finished file.
func lastHash(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	buf := make([]byte, min(st.Size(), MaxLine+1))
	if _, err := f.ReadAt(buf, st.Size()-int64(len(buf))); err != nil {
		return "", fmt.Errorf("audit: %w", err)
	}
	line := buf
	if len(buf) > 0 {
		line = buf[bytes.LastIndexByte(buf[:len(buf)-1], '\n')+1:]
	}
	_, hash, ok := check(line)
	if !ok {
		n := 0
		if data, err := os.ReadFile(name); err == nil {
			n = bytes.Count(data, []byte{'\n'})
		}
		return "", &Damage{name, max(n, 1), "the last line does not have the hash it carries"}
	}
	return hash, nil
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
