package adminbot_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var xepCited = regexp.MustCompile(`XEP-(\d{4})`)

// TestXEPIndex checks that every XEP cited in the code is in xep/index.txt, so
// that the index tells which protocols this project speaks.
func TestXEPIndex(t *testing.T) {
	index, err := os.ReadFile("xep/index.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(index)) {
		number, title, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || title == "" || known[number] {
			t.Errorf("xep/index.txt: bad or double line %q", line)
		}
		known[number] = true
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range xepCited.FindAllStringSubmatch(string(src), -1) {
			if !known[m[1]] {
				t.Errorf("%s cites XEP-%s, which is not in xep/index.txt", path, m[1])
				known[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
