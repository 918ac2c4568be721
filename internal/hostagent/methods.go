package hostagent

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/hostagent/disk"
	"adminbot/internal/hostagent/logs"
	"adminbot/internal/hostagent/machine"
	"adminbot/internal/hostagent/metrics"
	"adminbot/internal/hostagent/netstat"
	"adminbot/internal/hostagent/process"
	"adminbot/internal/hostagent/self"
	"adminbot/internal/hostagent/service"
	"adminbot/rpc"
)

// sources are what looks at this machine.
type sources struct {
	machine   *machine.Reader
	meter     *metrics.Meter
	disks     *disk.Reader
	cleaner   *disk.Cleaner
	processes *process.Reader
	sockets   *netstat.Reader
	logs      *logs.Reader
	facts     map[string]string
}

func newSources(cfg *Config) *sources {
	paths := cfg.Paths
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	s := &sources{
		machine: machine.New("", cfg.FactsDir, cfg.Now), meter: metrics.New(""), disks: disk.New("", paths),
		cleaner:   disk.NewCleaner(cfg.CleanPaths, cfg.Now),
		processes: process.New(""), sockets: netstat.New(""),
		logs: logs.New(logs.Config{Roots: cfg.LogPaths, Now: cfg.Now}), facts: maps.Clone(cfg.Facts),
	}
	if cfg.Demo {
		if s.facts == nil {
			s.facts = make(map[string]string)
		}
		s.facts["demo"] = "true"
	}
	return s
}

// vitals are the numbers of the mood. What cannot be measured is left out. A
// quick look waits for nothing, and so knows only the fullest local disk.
func (s *sources) vitals(ctx context.Context, quick bool) vitals {
	v := vitals{quick: quick}
	if n, err := s.meter.Glance(); err == nil {
		v.cpuPercent, v.memUsedPercent, v.load1, v.cpus = n.CPUPercent, n.MemUsedPercent, n.Load1, n.CPUCount
	}
	if quick {
		if used, mount, ok := s.disks.FullestPercent(); ok {
			v.disks = []agentapi.Filesystem{{Mount: mount, UsedPercent: &used}}
		}
		return v
	}
	if d, err := s.disks.Usage(ctx, agentapi.DiskUsageArgs{}); err == nil {
		v.disks = d.Filesystems
	}
	return v
}

// hostFacts are what the machine found, with what this agent was configured
// to say above it.
func (s *sources) hostFacts(ctx context.Context, args agentapi.HostFactsArgs) (agentapi.HostFactsResult, error) {
	res, err := s.machine.Facts(ctx, args)
	if err != nil {
		return res, err
	}
	for key, value := range s.facts {
		if len(args.Keys) == 0 || slices.ContainsFunc(args.Keys, func(g string) bool { ok, _ := path.Match(g, key); return ok }) {
			res.Facts[key] = value
		}
	}
	return res, nil
}

// lines are the last lines of a unit's log; none where it has no log.
func (s *sources) lines(ctx context.Context, unit string, n int32) ([]string, error) {
	res, err := s.logs.Query(ctx, agentapi.LogQueryArgs{Unit: unit, Limit: n})
	switch rpc.FaultCode(err) {
	case rpc.FaultNotFound, rpc.FaultUnsupported:
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range res.Lines {
		out = append(out, l.Text)
	}
	return out, nil
}

// methods registers every method of the table: the built ones, and the others
// with an answer that says so.
func (a *Agent) methods() {
	mux, g, src := a.mux, a.guard, a.sources
	in := &introspection{guard: g, version: a.info().Version, started: a.started}
	svc := &services{manager: a.cfg.Services, lines: src.lines}
	jb := &jobs{journal: g.journal, policy: g.Policy}

	register(mux, g, agentapi.RPCDescribe, in.describe)
	register(mux, g, agentapi.RPCCheck, in.check)
	register(mux, g, agentapi.RPCPing, in.ping)

	register(mux, g, agentapi.HostInfo, src.machine.Info)
	register(mux, g, agentapi.HostFacts, src.hostFacts)
	register(mux, g, agentapi.CPUUsage, src.meter.CPU)
	register(mux, g, agentapi.MemUsage, src.meter.Memory)
	register(mux, g, agentapi.DiskUsage, src.disks.Usage)
	register(mux, g, agentapi.DiskLargest, src.disks.Largest)
	register(mux, g, agentapi.DiskClean, src.cleaner.Clean)
	register(mux, g, agentapi.ProcList, func(ctx context.Context, args agentapi.ProcListArgs) (agentapi.ProcListResult, error) {
		args.Limit += int32(offset(args.Next)) // what came before is left out later
		res, err := src.processes.List(ctx, args)
		if res.Truncated {
			res.Next = strconv.Itoa(int(args.Limit))
		}
		return res, err
	})
	register(mux, g, agentapi.NetListeners, src.sockets.Listeners)

	register(mux, g, agentapi.LogQuery, src.logs.Query)

	register(mux, g, agentapi.ServiceList, svc.list)
	register(mux, g, agentapi.ServiceStatus, svc.status)
	start, stop := svc.change(service.Start), svc.change(service.Stop)
	restart, reload := svc.change(service.Restart), svc.change(service.Reload)
	register(mux, g, agentapi.ServiceStart, func(ctx context.Context, args agentapi.ServiceArgs) (agentapi.ServiceChangeResult, error) {
		return start(ctx, args.Unit, args.WaitSeconds, nil)
	})
	register(mux, g, agentapi.ServiceReload, func(ctx context.Context, args agentapi.ServiceArgs) (agentapi.ServiceChangeResult, error) {
		return reload(ctx, args.Unit, args.WaitSeconds, nil)
	})
	register(mux, g, agentapi.ServiceStop, func(ctx context.Context, args agentapi.ServiceExpectArgs) (agentapi.ServiceChangeResult, error) {
		return stop(ctx, args.Unit, args.WaitSeconds, args.ExpectActive)
	})
	register(mux, g, agentapi.ServiceRestart, func(ctx context.Context, args agentapi.ServiceExpectArgs) (agentapi.ServiceChangeResult, error) {
		return restart(ctx, args.Unit, args.WaitSeconds, args.ExpectActive)
	})

	register(mux, g, agentapi.PresenceGet, a.monitor.presence)
	register(mux, g, agentapi.JobList, jb.list)
	register(mux, g, agentapi.JobGet, jb.get)
	register(mux, g, agentapi.AuditTail, a.auditTail)
	register(mux, g, agentapi.AgentInfo, a.agentInfo)
	if a.cfg.LoadPolicy != nil {
		register(mux, g, agentapi.AgentReload, a.reload)
	}

	in.built = make(map[string]bool)
	for _, name := range mux.Methods() {
		in.built[name] = true
	}
	in.would = map[string]func(context.Context, any) string{
		agentapi.ServiceStart.Name:   wouldUnit(svc.would(service.Start)),
		agentapi.ServiceStop.Name:    wouldUnit(svc.would(service.Stop)),
		agentapi.ServiceRestart.Name: wouldUnit(svc.would(service.Restart)),
		agentapi.ServiceReload.Name:  wouldUnit(svc.would(service.Reload)),
		agentapi.DiskClean.Name: func(ctx context.Context, args any) string {
			text, err := src.cleaner.Would(ctx, *args.(*agentapi.DiskCleanArgs))
			var fault *rpc.Fault
			switch {
			case errors.As(err, &fault):
				return wouldFail + fault.Message
			case err != nil:
				return wouldFail + err.Error()
			}
			return text
		},
	}
	for _, s := range agentapi.All() {
		if !in.built[s.Name] && !s.Local && !s.Bot && !strings.HasPrefix(s.Name, "system.") {
			unbuilt(mux, g, s)
		}
	}
}

func wouldUnit(f func(context.Context, string) string) func(context.Context, any) string {
	return func(ctx context.Context, args any) string {
		switch a := args.(type) {
		case *agentapi.ServiceArgs:
			return f(ctx, a.Unit)
		case *agentapi.ServiceExpectArgs:
			return f(ctx, a.Unit)
		}
		return ""
	}
}

// info is what agent.info says of the program.
func (a *Agent) info() agentapi.AgentInfoResult {
	var res agentapi.AgentInfoResult
	self.Fill(&res, a.cfg.Version, a.started, a.cfg.Now())
	return res
}

func (a *Agent) agentInfo(_ context.Context, args agentapi.AgentInfoArgs) (agentapi.AgentInfoResult, error) {
	res := a.info()
	res.PolicyHash, res.Demo = a.guard.Policy().Hash(), a.cfg.Demo
	if off, known := a.cfg.ClockOffset(); known {
		ms := float64(off.Microseconds()) / 1000
		res.ClockOffsetMS = &ms
	}
	if a.cfg.Connection != nil {
		since, again := a.cfg.Connection()
		res.ConnectedSince, res.Reconnects = since, int32(again)
	}
	l := a.cfg.Limits
	res.Limits = agentapi.LimitsInfo{
		Concurrent: int32(l.Concurrent), Queued: int32(l.Waiting), ReplyBytes: int32(l.ReplyBytes),
		Jobs: journalRecords, KeptAnswers: journalRecords, KeptSeconds: int32(journalKeep / time.Second), RequestBytes: int32(rpc.DefaultLimits.Bytes),
	}
	a.guard.mu.Lock()
	res.LastLimitHit = a.guard.lastHit
	a.guard.mu.Unlock()
	if args.Metrics {
		res.Metrics = self.Prometheus(a.started)
	}
	return res, nil
}

// reload reads the policy again; on an error the old one stays.
func (a *Agent) reload(context.Context, agentapi.NoArgs) (agentapi.AgentReloadResult, error) {
	var res agentapi.AgentReloadResult
	p, err := a.cfg.LoadPolicy()
	if err == nil && p == nil {
		err = errors.New("hostagent: there is no policy to read")
	}
	before := a.guard.Policy().Hash()
	if err == nil {
		err = a.SetPolicy(p)
	}
	switch {
	case err != nil:
		res.Errors = []string{err.Error()}
	case p.Hash() != before:
		res.Changed = []string{"policy"}
	}
	return res, nil
}
