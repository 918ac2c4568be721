package alertstore

import (
	"fmt"
	"path/filepath"
	"testing"

	"adminbot/internal/sqlitefile"
	"adminbot/workgroups"
)

// TestOlder opens files that were written by each of the versions before: nothing
// in them is lost, and what is new says that there was none of it.
func TestOlder(t *testing.T) {
	for version := 1; version < len(kind.Schema); version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alerts.db")
			older := kind
			older.Schema = kind.Schema[:version]
			f, err := sqlitefile.Open(t.Context(), path, older)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.W.ExecContext(t.Context(), `
				INSERT INTO alerts (workgroup, source, fingerprint, episode, severity, summary, details, host, labels, starts, user, notify, raised, updated,
					count, accepted, ended, ended_by, state, reason, owner, fence, gone, round, wake, seq)
				VALUES ('alerts', 'src', 'open', 1, 'critical', 'disk full', '', 'web01', '{"check":"disk"}', 5, 'alert-1@w.example.net', 0, 5, 5,
						1, 7, 0, '', 'assigned', '', 'ann@example.net/phone', 3, 0, 0, 0, 1),
					('alerts', 'src', 'ended', 2, 'info', 'load', '', '', '{}', 6, 'alert-2@w.example.net', 0, 6, 6,
						1, 0, 9, '', 'resolved', '', '', 0, 0, 0, 0, 1);
				INSERT INTO entries VALUES (1, 1, 5, 'raised', 'src', ''), (2, 1, 6, 'raised', 'src', '')`); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			img, err := s.Load(t.Context())
			if err != nil || len(img.Alerts) != 1 || len(img.Recent) != 1 || len(img.Instances) != 0 || img.LastID != 2 {
				t.Fatalf("%+v, %v", img, err)
			}
			if p := img.Recent[0]; p.Alert != 2 || p.Episode != 2 || !p.BySource || p.Starts.UnixNano() != 6 || p.Ended.UnixNano() != 9 {
				t.Errorf("what has ended: %+v", p)
			}
			a := img.Alerts[0]
			if a.Summary != "disk full" || a.Grant != 3 || a.Owner.String() != "ann@example.net/phone" || a.Labels["check"] != "disk" {
				t.Errorf("what is open: %+v", a)
			}
			if a.Group != "" || a.Instances != 0 || a.Firing != 0 || !a.Gathers.IsZero() || !a.Told.IsZero() || !a.Tell.IsZero() {
				t.Errorf("it is grouped: %+v", a)
			}
			if _, entries, err := s.Alert(t.Context(), 1); err != nil || len(entries) != 1 {
				t.Errorf("its timeline: %v, %v", entries, err)
			}
			i := workgroups.Instance{Alert: 1, N: 1, Severity: workgroups.Critical}
			if err := s.Commit(t.Context(), []workgroups.Change{workgroups.PutInstance{Instance: i}}); err != nil {
				t.Error(err)
			}
			if all, err := s.Instances(t.Context(), 1); err != nil || len(all) != 1 {
				t.Errorf("its instances: %v, %v", all, err)
			}
		})
	}
}
