package alertrpc

import (
	"context"
	"errors"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/rpc"
	"adminbot/workgroups"
	"adminbot/workgroups/oncall"
)

// The methods about who is on call, and when nobody is asked.
var (
	OnCallWho = agentapi.Define[OnCallArgs, OnCallResult](agentapi.Spec{
		Name: "oncall.who", Permission: "oncall.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Tells who is on call.",
	})
	OnCallShifts = agentapi.Define[ShiftsArgs, ShiftsResult](agentapi.Spec{
		Name: "oncall.shifts", Permission: "oncall.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Lists who is on call between two times.",
	})
	OnCallOverride = agentapi.Define[OverrideArgs, OverrideResult](agentapi.Spec{
		Name: "oncall.override", Permission: "oncall.override", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Puts somebody in the place of whoever is on call; without who, ends what of that is in force.",
	})
)

// Arguments and results.
type (
	OnCallArgs struct {
		Workgroup string    `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: the only one, or the one called alerts"`
		Schedule  string    `rpc:"schedule,omitempty" validate:"max=128" help:"empty: all of the workgroup"`
		At        time.Time `rpc:"at,omitempty" help:"absent: now"`
	}
	OnCallResult struct {
		Workgroup string    `rpc:"workgroup"`
		At        time.Time `rpc:"at"`
		OnCall    []Shift   `rpc:"on_call" help:"by each schedule, the first first; empty: there is none, everybody is asked"`
	}

	ShiftsArgs struct {
		Workgroup string    `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: the only one, or the one called alerts"`
		Schedule  string    `rpc:"schedule,omitempty" validate:"max=128" help:"empty: the first of the workgroup"`
		Since     time.Time `rpc:"since,omitempty" help:"absent: now"`
		Until     time.Time `rpc:"until,omitempty" help:"absent: four weeks later"`
	}
	ShiftsResult struct {
		Workgroup string  `rpc:"workgroup"`
		Schedule  string  `rpc:"schedule"`
		Zone      string  `rpc:"zone" help:"of the schedule: Europe/Amsterdam"`
		Shifts    []Shift `rpc:"shifts" help:"one after the other, without gaps"`
		Truncated bool    `rpc:"truncated" help:"there are more: ask again since the end of the last"`
	}

	OverrideArgs struct {
		Workgroup string    `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: the only one, or the one called alerts"`
		Schedule  string    `rpc:"schedule,omitempty" validate:"max=128" help:"empty: the first of the workgroup"`
		Who       string    `rpc:"who,omitempty" validate:"max=512" help:"an address; empty: end what is in force"`
		Since     time.Time `rpc:"since,omitempty" help:"absent: now"`
		Until     time.Time `rpc:"until,omitempty"`
	}
	OverrideResult struct {
		Workgroup string `rpc:"workgroup"`
		Schedule  string `rpc:"schedule"`
		Ended     int    `rpc:"ended" help:"so many overrides were ended"`
		OnCall    Shift  `rpc:"on_call" help:"from then on"`
	}
)

// A Shift is a time in which one person is on call.
type Shift struct {
	Schedule string    `rpc:"schedule"`
	Who      string    `rpc:"who,omitempty" help:"absent: nobody"`
	Since    time.Time `rpc:"since,omitempty" help:"absent: for more than five weeks"`
	Until    time.Time `rpc:"until,omitempty" help:"absent: for more than five weeks"`
	Reason   string    `rpc:"reason"`
}

func onWireShift(schedule string, s oncall.Shift) Shift {
	return Shift{Schedule: schedule, Who: s.Who, Since: s.From, Until: s.Until, Reason: s.Reason()}
}

func (s *Server) onCall(ctx context.Context, _ jid.JID, args *OnCallArgs) (OnCallResult, error) {
	name, err := s.workgroup(args.Workgroup)
	if err != nil {
		return OnCallResult{}, err
	}
	out := OnCallResult{Workgroup: name, At: args.At, OnCall: []Shift{}}
	if out.At.IsZero() {
		out.At = s.Now().UTC()
	}
	duties, err := s.Service.OnCall(ctx, name, args.Schedule, out.At)
	if args.Schedule == "" && errors.Is(err, workgroups.ErrNoSchedule) {
		return out, nil
	}
	for _, d := range duties {
		out.OnCall = append(out.OnCall, onWireShift(d.Schedule.Name, d.Shift))
	}
	return out, err
}

// maxShifts bounds the shifts of one answer.
const maxShifts = 150

func (s *Server) shifts(ctx context.Context, _ jid.JID, args *ShiftsArgs) (ShiftsResult, error) {
	name, err := s.workgroup(args.Workgroup)
	if err != nil {
		return ShiftsResult{}, err
	}
	since, until := args.Since, args.Until
	if since.IsZero() {
		since = s.Now().UTC()
	}
	if until.IsZero() {
		until = since.AddDate(0, 0, 28)
	}
	sched, shifts, err := s.Service.Shifts(ctx, name, args.Schedule, since, until)
	if err != nil {
		return ShiftsResult{}, err
	}
	out := ShiftsResult{Workgroup: name, Schedule: sched.Name, Zone: sched.Location().String(), Shifts: []Shift{}}
	for _, sh := range shifts[:min(len(shifts), maxShifts)] {
		out.Shifts = append(out.Shifts, onWireShift(sched.Name, sh))
	}
	out.Truncated = len(shifts) > maxShifts
	return out, nil
}

func (s *Server) override(ctx context.Context, actor jid.JID, args *OverrideArgs) (OverrideResult, error) {
	name, err := s.workgroup(args.Workgroup)
	if err != nil {
		return OverrideResult{}, err
	}
	if err := s.concerns(actor, name); err != nil {
		return OverrideResult{}, err
	}
	out := OverrideResult{Workgroup: name}
	from := s.Now().UTC()
	switch {
	case args.Who == "":
		ended, err := s.Service.EndOverrides(ctx, name, args.Schedule)
		if err != nil {
			return out, err
		}
		out.Ended = len(ended)
	case args.Until.IsZero():
		return out, rpc.Faultf(rpc.FaultParams, "until when?")
	default:
		o, err := s.Service.Override(ctx, name, oncall.Override{Schedule: args.Schedule, Who: args.Who, From: args.Since, Until: args.Until, By: actor.String()})
		if err != nil {
			return out, err
		}
		from = o.From
	}
	duties, err := s.Service.OnCall(ctx, name, args.Schedule, from)
	if err != nil {
		return out, err
	}
	out.Schedule, out.OnCall = duties[0].Schedule.Name, onWireShift(duties[0].Schedule.Name, duties[0].Shift)
	return out, nil
}

// The methods about silences.
var (
	Silence = agentapi.Define[SilenceArgs, SilenceResult](agentapi.Spec{
		Name: "alert.silence", Permission: "alert.silence", Class: agentapi.Write, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Has nobody asked about some alerts for a while; with 0 seconds, ends that.",
	})
	Silences = agentapi.Define[NoArgs, SilencesResult](agentapi.Spec{
		Name: "alert.silences", Permission: "alert.read", Class: agentapi.Read, Timeout: timeout, Bot: true, Wire: true, Built: true,
		Help: "Lists the silences that have not ended.",
	})
)

// Arguments and results.
type (
	SilenceArgs struct {
		ID        int32     `rpc:"id,omitempty" validate:"min=0" help:"to end one, its number"`
		Workgroup string    `rpc:"workgroup,omitempty" validate:"max=128" help:"empty: all"`
		Hosts     []string  `rpc:"hosts,omitempty" validate:"max=200" help:"a silence for each"`
		Match     []string  `rpc:"match,omitempty" validate:"max=32" help:"role=db, host=~web.*, severity!=critical: all of them"`
		Since     time.Time `rpc:"since,omitempty" help:"absent: now"`
		Seconds   int32     `rpc:"seconds,omitempty" validate:"min=0,max=31536000" help:"0: end those that were made with the same words"`
		Reason    string    `rpc:"reason,omitempty" validate:"max=1024"`
	}
	SilenceResult struct {
		Silences []SilenceRow `rpc:"silences" help:"that were made, or ended: as many as fit into the answer"`
		Total    int          `rpc:"total" help:"that were made, or ended"`
		Ended    bool         `rpc:"ended"`
	}
	SilencesResult struct {
		Silences []SilenceRow `rpc:"silences" help:"as many as fit into the answer"`
		Total    int          `rpc:"total"`
	}
)

// A SilenceRow is a silence as it is on the wire.
type SilenceRow struct {
	ID        int       `rpc:"id"`
	Workgroup string    `rpc:"workgroup,omitempty"`
	Match     string    `rpc:"match"`
	Since     time.Time `rpc:"since"`
	Until     time.Time `rpc:"until"`
	By        string    `rpc:"by"`
	Reason    string    `rpc:"reason,omitempty"`
}

func onWireSilences(all []workgroups.Silence) []SilenceRow {
	out := []SilenceRow{}
	room := answer{answerBytes}
	for _, s := range all {
		row := SilenceRow{ID: int(s.ID), Workgroup: s.Workgroup, Match: s.String(), Since: s.From, Until: s.Until, By: s.By, Reason: s.Reason}
		if !room.holds(row) {
			break
		}
		out = append(out, row)
	}
	return out
}

// matches are the matchers of each silence that is meant.
func (a *SilenceArgs) matches() ([][]workgroups.Matcher, error) {
	var common []workgroups.Matcher
	for _, text := range a.Match {
		m, err := workgroups.ParseMatcher(text)
		if err != nil {
			return nil, err
		}
		common = append(common, m)
	}
	if len(a.Hosts) == 0 {
		return [][]workgroups.Matcher{common}, nil
	}
	var all [][]workgroups.Matcher
	for _, host := range a.Hosts {
		all = append(all, append([]workgroups.Matcher{{Name: "host", Value: host}}, common...))
	}
	return all, nil
}

func (s *Server) silence(ctx context.Context, actor jid.JID, args *SilenceArgs) (SilenceResult, error) {
	all, err := args.matches()
	if err != nil {
		return SilenceResult{}, err
	}
	if err := s.concerns(actor, args.Workgroup); err != nil {
		return SilenceResult{}, err
	}
	if args.Seconds == 0 || args.ID != 0 {
		return s.endSilences(ctx, args, all)
	}
	since := args.Since
	if since.IsZero() {
		since = s.Now().UTC()
	}
	var wanted []workgroups.Silence
	for _, match := range all {
		wanted = append(wanted, workgroups.Silence{
			Workgroup: args.Workgroup, Match: match, From: since, Until: since.Add(time.Duration(args.Seconds) * time.Second), By: actor.String(), Reason: args.Reason,
		})
	}
	made, err := s.Service.Silence(ctx, wanted...)
	return SilenceResult{Silences: onWireSilences(made), Total: len(made)}, err
}

func (s *Server) endSilences(ctx context.Context, args *SilenceArgs, all [][]workgroups.Matcher) (SilenceResult, error) {
	wanted := map[string]bool{}
	for _, match := range all {
		wanted[(&workgroups.Silence{Match: match}).String()] = true
	}
	ended, err := s.Service.EndSilences(ctx, func(old *workgroups.Silence) bool {
		meant := wanted[old.String()]
		if args.ID != 0 {
			meant = old.ID == int64(args.ID)
		}
		return meant && (args.Workgroup == "" || args.Workgroup == old.Workgroup)
	})
	if err == nil && len(ended) == 0 {
		return SilenceResult{}, rpc.Faultf(rpc.FaultNotFound, "no such silence")
	}
	return SilenceResult{Silences: onWireSilences(ended), Total: len(ended), Ended: true}, err
}

func (s *Server) silences(ctx context.Context, _ jid.JID, _ *NoArgs) (SilencesResult, error) {
	all, err := s.Service.Silences(ctx)
	return SilencesResult{Silences: onWireSilences(all), Total: len(all)}, err
}
