package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"
)

// An alertService is a running adminbot workgroups.
type alertService struct {
	program *program
	target  Target
	group   jid.JID // its workgroup
	url     string
	token   string
	client  http.Client
	posts   atomic.Int64
}

// startAlerts starts the alert service of an installation; the hosts are the
// members of its workgroup.
func startAlerts(ctx context.Context, in *Installation) (*alertService, error) {
	dir := in.site.Path(serviceName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	token, err := in.site.Secret("webhook.token")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "state = %q\n[workgroups]\ndomain = %q\ncomponent = %q\nsecret_file = %q\n[[workgroups.group]]\nname = \"alerts\"\nmembers = [\n",
		dir, in.serviceDomain(), in.component, in.site.Path("secrets", serviceName))
	for _, host := range in.Hosts {
		fmt.Fprintf(&b, "\t{ jid = %q, max = 10000 },\n", host+"@"+in.site.Domain)
	}
	fmt.Fprintf(&b, "]\n[intake]\nlisten = \"127.0.0.1:0\"\n[[intake.source]]\nname = \"bench\"\nworkgroup = \"alerts\"\ntoken_file = %q\nrate = %d\n",
		in.site.Path("secrets", "webhook.token"), alertRate)
	config := filepath.Join(dir, "adminbot.toml")
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		return nil, err
	}
	group, err := jid.New("alerts", in.serviceDomain(), "")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	p, line, err := start(ctx, in.Program, "alerts by HTTP at ", "workgroups", "--config", config)
	if err != nil {
		return nil, err
	}
	return &alertService{
		program: p, target: in.Target(), group: group, token: token,
		url:    "http://" + line[strings.LastIndexByte(line, ' ')+1:] + "/alertmanager",
		client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: intakeConns, MaxConnsPerHost: intakeConns}},
	}, nil
}

// body is a request of n alerts that nobody has sent before.
func (s *alertService) body(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"version":"4","status":"firing","receiver":"adminbot","groupKey":"{}:{}","alerts":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"DiskFull","instance":"web%d:9100","job":"node","severity":"critical","mountpoint":"/var"},`+
			`"annotations":{"summary":"disk full on web%[1]d","description":"/var on web%[1]d has less than 1%% free."},`+
			`"startsAt":"2026-11-28T07:00:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph?g0.expr=x","fingerprint":"%016x"}`,
			i, s.posts.Add(1))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// post sends a request. Its answer is returned if it is 200.
func (s *alertService) post(ctx context.Context, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("bench: alerts: %s: %s", res.Status, answer)
	}
	return answer, err
}

// postAll sends requests over all connections; answered is told of each, if it is
// not nil, on the goroutine of its connection.
func (s *alertService) postAll(ctx context.Context, bodies [][]byte, answered func(began time.Time, answer []byte)) error {
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range intakeConns {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(bodies) {
					return nil
				}
				began := time.Now()
				answer, err := s.post(ctx, bodies[i])
				if err != nil {
					return err
				}
				if answered != nil {
					answered(began, answer)
				}
			}
		})
	}
	return g.Wait()
}

func (s *alertService) bodies(requests, alerts int) [][]byte {
	all := make([][]byte, requests)
	for i := range all {
		all[i] = s.body(alerts)
	}
	return all
}

// sessionOf is what the alert of an answer is called on the wire.
func sessionOf(answer []byte) string {
	_, rest, _ := bytes.Cut(answer, []byte(`"id":`))
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	return "alert-" + string(rest[:max(0, end)])
}

// freeAddr is an address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
