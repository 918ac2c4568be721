package disk

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/agentapi"
	"adminbot/rpc"
)

// tree makes files, some of them old, and links; it returns what is below root.
func tree(t *testing.T, root string, old, young []string, links map[string]string) (list func() []string) {
	t.Helper()
	for _, name := range append(slices.Clone(old), young...) {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, make([]byte, 8192), 0o644); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(old, name) {
			at := time.Now().Add(-48 * time.Hour)
			if err := os.Chtimes(p, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return func() (all []string) {
		err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				rel, _ := filepath.Rel(root, p)
				all = append(all, rel)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
}

func TestClean(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	outside := tree(t, elsewhere, []string{"old"}, nil, nil)
	list := tree(t, root, []string{"a", "d/b", "d/e/c", "top/keep"}, []string{"young", "d/young"}, map[string]string{"out": elsewhere, "d/out": elsewhere + "/old"})
	if err := unix.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := NewCleaner([]string{root}, time.Now)
	args := agentapi.DiskCleanArgs{Path: root, OlderSeconds: 86400, Seconds: 60}

	before := list()
	text, err := c.Would(t.Context(), args)
	if err != nil || text != "delete 4 files of 0.0 MiB below "+root+", and keep 2" {
		t.Errorf("would %q, %v", text, err)
	}
	if after := list(); !slices.Equal(before, after) {
		t.Fatalf("asking has changed %v to %v", before, after)
	}
	args.Path = root + "/d"
	res, err := c.Clean(t.Context(), args)
	if err != nil || res.Files != 2 || res.Kept != 1 || res.FreedBytes != 16384 || res.Skipped != 0 || res.Truncated {
		t.Errorf("%+v, %v", res, err)
	}
	want := []string{"a", "d/out", "d/young", "out", "pipe", "top/keep", "young"}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
	if fi, err := os.Stat(root + "/d/e"); err != nil || !fi.IsDir() {
		t.Errorf("the directory is gone: %v", err)
	}
	args.Path = root
	if res, err = c.Clean(t.Context(), args); err != nil || res.Files != 2 || res.Kept != 2 {
		t.Errorf("%+v, %v", res, err)
	}
	if got := outside(); !slices.Equal(got, []string{"old"}) {
		t.Errorf("outside is %v", got)
	}
}

func TestCleanRefused(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	list := tree(t, root, []string{"file", "d/a"}, nil, map[string]string{"out": elsewhere, "in": "d"})
	outside := tree(t, elsewhere, []string{"old"}, nil, nil)
	for _, tt := range []struct {
		name, path string
		roots      []string
		code       int
		text       string
	}{
		{"nothing allowed", root, nil, rpc.FaultDenied, "this host lets nothing be cleaned"},
		{"outside", "/usr", []string{root}, rpc.FaultDenied, "only this be cleaned: " + root},
		{"beside", root + "x", []string{root}, rpc.FaultDenied, "is not to be cleaned"},
		{"above", filepath.Dir(root), []string{root}, rpc.FaultDenied, "is not to be cleaned"},
		{"a link out", root + "/out", []string{root}, rpc.FaultDenied, "leads out"},
		{"through a link out", root + "/out/x", []string{root}, rpc.FaultDenied, "leads out"},
		{"a file", root + "/file", []string{root}, rpc.FaultParams, "no directory"},
		{"nothing there", root + "/none", []string{root}, rpc.FaultNotFound, "there is no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := NewCleaner(tt.roots, time.Now).Clean(t.Context(), agentapi.DiskCleanArgs{Path: tt.path, OlderSeconds: 60, Seconds: 5})
			if rpc.FaultCode(err) != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v, want fault %d: %s", err, tt.code, tt.text)
			}
		})
	}
	if got := append(list(), outside()...); len(got) != 5 {
		t.Errorf("left: %v", got)
	}
}
