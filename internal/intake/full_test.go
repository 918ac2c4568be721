//go:build !unit

package intake

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"adminbot/internal/alertstore"
	"adminbot/workgroups"
)

// smallDisk is a directory on a disk of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("adminbot-test", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size="+size); err != nil {
		t.Fatalf("a small disk cannot be mounted: %v\nhint: this test needs root", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskFull fills a disk. What is answered with 200 is on it, also after the
// service was started anew; what does not fit is answered with 503, and 451 in
// mail; and when there is room again, all goes on without a restart.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, "3m")
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := openIn(t, dir, func(c *Config) {
		var err error
		if c.Mail, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	})
	sent, acked := 0, map[string]bool{}
	send := func() int {
		sent++
		name := fmt.Sprintf("alert %d", sent)
		res, text := s.post("/generic", fmt.Sprintf(`{"summary": %q, "details": %q}`, name, strings.Repeat("x", workgroups.MaxDetails)))
		switch res.StatusCode {
		case http.StatusOK:
			acked[name] = true
		case http.StatusServiceUnavailable:
			if res.Header.Get("Retry-After") == "" || !strings.Contains(text, "cannot be stored") {
				t.Errorf("503 without a reason: %v %s", res.Header, text)
			}
		default:
			t.Fatalf("%s: %d %s", name, res.StatusCode, text)
		}
		return res.StatusCode
	}
	for send() == http.StatusOK {
		if sent > 1000 {
			t.Fatal("the disk is not getting full")
		}
	}
	for range 20 {
		send()
	}
	big := "Subject: roof\n\n" + strings.Repeat("all of it is lost\n", 900)
	if code, why := s.mail(big, "oncall@alerts.example.org"); code != 451 {
		t.Errorf("a mail on a full disk: %d %s", code, why)
	}
	if n := len(s.alerts()); n < len(acked) {
		t.Errorf("%d alerts are listed, %d were acknowledged", n, len(acked))
	}

	before := len(acked)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(time.Minute)
	for send() != http.StatusOK {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatal("there is room, and nothing is taken in")
		}
	}
	for range 5 {
		send()
	}
	if before < 5 || len(acked) < before+6 {
		t.Errorf("%d alerts were taken in before the disk was full, %d in all", before, len(acked))
	}

	s.stop()
	db, err := alertstore.Open(t.Context(), filepath.Join(dir, "alerts.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	img, err := db.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range img.Alerts {
		delete(acked, a.Summary)
	}
	if len(acked) > 0 {
		t.Errorf("acknowledged and lost: %v", acked)
	}
}
