package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/link"
	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// Alerts says how the alert service is measured.
type Alerts struct {
	Rounds int   // of taking alerts in
	Each   int   // alerts in each round
	Sizes  []int // alerts in one request
	Burst  int   // alerts posted at once, while agents are there
	Gone   int   // times that the holder of an offer goes
	Queue  int   // alerts in the queue, while its memory is measured
	Agents int   // who are there then
}

// Names of its figures.
const (
	alertsTakenIn = "alerts taken in"
	alertToOffer  = "alert to its offer"
	goneToOffer   = "holder gone to the next offer"
	alertMemory   = "alert service, resident memory"
)

// Sizes of a measurement that nobody has to choose.
const (
	intakeConns = 16
	burstAgents = 50
	alertRate   = 1_000_000 // requests a second that are allowed
)

// Run measures adminbot workgroups, each time with an empty store.
func (a Alerts) Run(ctx context.Context, run Run) (all []Figure, err error) {
	for _, size := range a.Sizes {
		err := a.fresh(ctx, run, 0, func(ctx context.Context, s *alertService) error {
			run.Progress(fmt.Sprintf("%d × %d alerts, %d in a request", a.Rounds, a.Each, size))
			figures, err := a.takeIn(ctx, s, size)
			all = append(all, figures...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, m := range []struct {
		what    string
		agents  int
		measure func(context.Context, *alertService) (Figure, error)
	}{
		{fmt.Sprintf("a burst of %d alerts", a.Burst), burstAgents, a.burst},
		{"holders of offers go", 2, a.gone},
		{fmt.Sprintf("%d alerts wait", a.Queue), a.Agents, a.memory},
	} {
		err := a.fresh(ctx, run, m.agents, func(ctx context.Context, s *alertService) error {
			run.Progress(m.what)
			f, err := m.measure(ctx, s)
			all = append(all, f)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// fresh measures on a service that was just started, of which so many accounts
// are members.
func (a Alerts) fresh(ctx context.Context, run Run, members int, do func(context.Context, *alertService) error) (err error) {
	component, err := freeAddr()
	if err != nil {
		return err
	}
	in, err := install(ctx, run.Program, max(1, members), component)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, in) }()
	s, err := startAlerts(ctx, in)
	if err != nil {
		return err
	}
	defer func() { err = joinStop(err, s.program) }()
	defer s.client.CloseIdleConnections()
	return do(ctx, s)
}

// freeAddr is an address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

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

// takeIn measures alerts a second, and what the service's processor has to do for
// one.
func (a Alerts) takeIn(ctx context.Context, s *alertService, size int) ([]Figure, error) {
	if err := s.postAll(ctx, s.bodies(intakeConns, size), nil); err != nil { // every connection is there
		return nil, err
	}
	var rates, costs []float64
	for range a.Rounds {
		bodies := s.bodies(max(1, a.Each/size), size)
		before, err := s.program.usage()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := s.postAll(ctx, bodies, nil); err != nil {
			return nil, err
		}
		took := time.Since(began)
		after, err := s.program.usage()
		if err != nil {
			return nil, err
		}
		n := float64(len(bodies) * size)
		rates = append(rates, n/took.Seconds())
		costs = append(costs, float64(after.cpu-before.cpu)/float64(time.Microsecond)/n)
	}
	return []Figure{of(alertsTakenIn, "alerts/s", size, rates...), of(alertsTakenIn+", CPU of the service", "µs", size, costs...)}, nil
}

// An offered is an offer that an agent's client has.
type offered struct {
	session string // of the alert
	at      time.Time
}

// agents logs in agents of the workgroup, whose presence has a show, and runs do
// while they are there. What they are offered goes to offers.
func (s *alertService) agents(ctx context.Context, names []string, show string, offers chan<- offered, do func(context.Context) error) error {
	login, err := s.target.login("work")
	if err != nil {
		return err
	}
	var sessions []*link.Session
	var here sync.WaitGroup
	for _, name := range names {
		cfg := login(name)
		cfg.Once = true
		cfg.Presence = func() (stanza.Presence, xml.TokenReader) { return stanza.Presence{}, nil }
		l := link.New(cfg)
		l.HandleIQ(xml.Name{Space: workgroups.NS}, func(_ context.Context, _ stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
			at := time.Now()
			if e, err := element.Read(r); err == nil && e.Name.Local == "offer" {
				select {
				case offers <- offered{e.Get("id"), at}:
				default: // nobody wants to know
				}
			}
			return nil, nil
		})
		here.Add(1)
		told := sync.OnceFunc(here.Done)
		l.HandlePresence(func(_ context.Context, p stanza.Presence, _ xml.TokenReader) {
			if p.From.Bare().Equal(s.group) {
				told()
			}
		})
		sessions = append(sessions, l)
	}
	serve := func(ctx context.Context) error {
		g, ctx := errgroup.WithContext(ctx)
		for _, l := range sessions {
			g.Go(func() error { return l.Run(ctx) })
		}
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	return beside(ctx, serve, func(ctx context.Context) error {
		for _, l := range sessions {
			select {
			case <-l.Ready():
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			p := element.New("", "presence", "to", s.group.String()).AddText("show", show).Add(element.New(workgroups.NS, "agent-status"))
			if err := l.Send(ctx, p.TokenReader()); err != nil {
				return err
			}
		}
		there := make(chan struct{})
		go func() { here.Wait(); close(there) }() // ends with the answers, or with the program
		select {
		case <-there:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return do(ctx)
	})
}

// burst measures from sending an alert to the moment at which an agent has the
// offer.
func (a Alerts) burst(ctx context.Context, s *alertService) (f Figure, err error) {
	offers := make(chan offered, a.Burst+intakeConns)
	err = s.agents(ctx, s.target.Hosts[:burstAgents], "chat", offers, func(ctx context.Context) error {
		if err := s.postAll(ctx, s.bodies(intakeConns, 1), nil); err != nil { // every connection is there
			return err
		}
		for range intakeConns {
			if _, err := next(ctx, offers); err != nil {
				return err
			}
		}
		var mu sync.Mutex
		sent := map[string]time.Time{}
		err := s.postAll(ctx, s.bodies(a.Burst, 1), func(began time.Time, answer []byte) {
			mu.Lock()
			defer mu.Unlock()
			sent[sessionOf(answer)] = began
		})
		if err != nil {
			return err
		}
		var times []float64
		for range a.Burst {
			o, err := next(ctx, offers)
			if err != nil {
				return err
			}
			began, known := sent[o.session]
			if !known {
				return fmt.Errorf("bench: alerts: an offer of %q, which nobody has raised", o.session)
			}
			times = append(times, milliseconds(o.at.Sub(began)))
		}
		f = of(alertToOffer, "ms", a.Burst, times...)
		return nil
	})
	return f, err
}

// sessionOf is what the alert of an answer is called on the wire.
func sessionOf(answer []byte) string {
	_, rest, _ := bytes.Cut(answer, []byte(`"id":`))
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	return "alert-" + string(rest[:max(0, end)])
}

// next waits for an offer.
func next(ctx context.Context, offers <-chan offered) (offered, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("bench: alerts: an offer did not come"))
	defer cancel()
	select {
	case o := <-offers:
		return o, nil
	case <-ctx.Done():
		return offered{}, context.Cause(ctx)
	}
}

// gone measures from the moment at which the connection of somebody who holds an
// offer is closed to the moment at which the next has it.
func (a Alerts) gone(ctx context.Context, s *alertService) (f Figure, err error) {
	offers := make(chan offered, 16)
	secured, err := s.target.tls()
	if err != nil {
		return f, err
	}
	err = s.agents(ctx, s.target.Hosts[1:2], "away", offers, func(ctx context.Context) error { // who is away is asked last
		var times []float64
		for range a.Gone {
			took, err := s.goes(ctx, secured, offers)
			if err != nil {
				return err
			}
			times = append(times, milliseconds(took))
		}
		f = of(goneToOffer, "ms", 0, times...)
		return nil
	})
	return f, err
}

// goes has an agent come, be offered an alert, and go.
func (s *alertService) goes(ctx context.Context, secured *tls.Config, offers <-chan offered) (time.Duration, error) {
	holder, err := s.target.dialRaw(ctx, secured, s.target.Hosts[0], "work")
	if err != nil {
		return 0, err
	}
	defer holder.Close()
	holder.SetDeadline(time.Now().Add(rawTimeout))
	presence := fmt.Sprintf("<presence to='%s'><show>chat</show><agent-status xmlns='%s'/></presence>", s.group, workgroups.NS)
	if err := holder.say(presence, "notify-queue"); err != nil {
		return 0, err
	}
	answer, err := s.post(ctx, s.body(1))
	if err != nil {
		return 0, err
	}
	alert := sessionOf(answer)
	if !bytes.Contains(holder.buf, []byte("<offer ")) { // it may have come with the presence
		if err := holder.say("<presence/>", "<offer "); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	if err := holder.Close(); err != nil {
		return 0, err
	}
	for {
		o, err := next(ctx, offers)
		if err != nil || o.session == alert {
			return o.at.Sub(began), err
		}
	}
}

// memory measures the service with so many alerts and agents. Nobody wants to be
// disturbed, and the alerts are not critical: they wait.
func (a Alerts) memory(ctx context.Context, s *alertService) (f Figure, err error) {
	const batch = 50
	err = s.agents(ctx, s.target.Hosts, "xa", nil, func(ctx context.Context) error {
		if err := s.postAll(ctx, s.bodies(max(1, a.Queue/batch), batch), nil); err != nil {
			return err
		}
		if err := sleep(ctx, 3*time.Second); err != nil { // what was posted is collected
			return err
		}
		used, err := s.program.usage()
		if err != nil {
			return err
		}
		f = of(alertMemory, "MiB", a.Queue, float64(used.rss)/(1<<20))
		return nil
	})
	return f, err
}
