package alertrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/policy"
	"adminbot/rpc"
	"adminbot/workgroups"
)

// Server says what a [Mux] serves.
type Server struct {
	Service *workgroups.Service
	Policy  func() *policy.Policy // the one in force
	Now     func() time.Time      // nil: time.Now
	Log     *slog.Logger
}

// Mux answers calls of the methods. It is to be handed the IQs of namespace
// [rpc.NS] that are sent to the component's domain.
func Mux(s Server) *rpc.ServeMux {
	if s.Now == nil {
		s.Now = time.Now
	}
	mux := rpc.NewServeMux(rpc.Options{
		Allow:      func(bare jid.JID) bool { return s.Policy().Listed(bare) },
		Middleware: []rpc.Middleware{rpc.ExpireCalls(s.Now)},
		Now:        s.Now, Log: s.Log,
	})
	handle(mux, &s, Send, s.send)
	handle(mux, &s, List, s.list)
	handle(mux, &s, Show, s.show)
	handle(mux, &s, Accept, s.accept)
	handle(mux, &s, Reject, s.reject)
	handle(mux, &s, Ack, s.ack)
	handle(mux, &s, Resolve, s.resolve)
	handle(mux, &s, Note, s.note)
	handle(mux, &s, Transfer, s.transfer)
	handle(mux, &s, Silence, s.silence)
	handle(mux, &s, Silences, s.silences)
	handle(mux, &s, OnCallWho, s.onCall)
	handle(mux, &s, OnCallShifts, s.shifts)
	handle(mux, &s, OnCallOverride, s.override)
	handle(mux, &s, Rooms, s.rooms)
	handle(mux, &s, Figures, s.figures)
	handle(mux, &s, WorkgroupList, s.workgroups)
	handle(mux, &s, WorkgroupJoin, s.join)
	handle(mux, &s, WorkgroupLeave, s.leave)
	handle(mux, &s, WorkgroupStatus, s.status)
	return mux
}

// handle puts a typed function behind the policy and on the mux.
func handle[A, R any](mux *rpc.ServeMux, s *Server, m agentapi.Method[A, R], f func(ctx context.Context, actor jid.JID, args *A) (R, error)) {
	s.handle(mux, agentapi.Spec(m), func(ctx context.Context, actor jid.JID, args any) (any, error) {
		return f(ctx, actor, args.(*A))
	})
}

func (s *Server) handle(mux *rpc.ServeMux, m agentapi.Spec, f func(ctx context.Context, actor jid.JID, args any) (any, error)) {
	mux.HandleMethod(m.Name, rpc.Descriptor{
		Help: m.Help, Signatures: [][]string{m.Signature()}, Multicall: !m.Class.Changes(),
	}, rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
		caller := r.From.Bare()
		actor := caller
		rules := s.Policy()
		if named := r.Envelope.Actor.Bare(); rules.Bot(caller) && !named.Equal(jid.JID{}) {
			actor = named
		}
		args := m.NewArgs()
		if err := r.Bind(args); err != nil {
			return rpc.Value{}, err
		}
		if err := m.Check(args); err != nil {
			return rpc.Value{}, rpc.Faultf(rpc.FaultParams, "%v", err)
		}
		// A bot has to know where it is needed, whoever is there, and how what is
		// spoken of is called.
		if m.Name != Rooms.Name && m.Name != WorkgroupList.Name || !rules.Bot(caller) {
			if err := permit(rules, m, actor, caller, s.Now()); err != nil {
				return rpc.Value{}, rpc.Faultf(rpc.FaultDenied, "%v", err)
			}
		}
		result, err := f(ctx, actor, args)
		if err != nil {
			return rpc.Value{}, fault(err)
		}
		return rpc.Marshal(result)
	}))
}

// permit says why a policy does not let actor call a method by way of caller.
func permit(rules *policy.Policy, m agentapi.Spec, actor, caller jid.JID, now time.Time) error {
	d := rules.Decide(policy.Ask{Who: actor, Via: caller, Method: m.Name, Permission: m.Permission, Class: m.Class.String(), At: now})
	if d.Allow {
		return nil
	}
	return errors.New(d.Reason())
}

// Permit decides by a policy what people do by other ways than these methods, as
// if they had called the method themselves: for [workgroups.Config].May.
func Permit(rules *policy.Policy, now func() time.Time) func(who jid.JID, method string) error {
	return func(who jid.JID, method string) error {
		m, ok := Lookup(method)
		if !ok {
			return fmt.Errorf("there is no method %s", method)
		}
		return permit(rules, m, who.Bare(), who.Bare(), now())
	}
}

// fault is what a caller is told of an error of the service.
func fault(err error) error {
	code := 0
	switch {
	case errors.As(err, new(*workgroups.InvalidError)):
		code = rpc.FaultParams
	case errors.Is(err, workgroups.ErrNotFound), errors.Is(err, workgroups.ErrNoWorkgroup), errors.Is(err, workgroups.ErrNoSchedule):
		code = rpc.FaultNotFound
	case errors.Is(err, workgroups.ErrNotMember):
		code = rpc.FaultDenied
	case errors.Is(err, workgroups.ErrTaken), errors.Is(err, workgroups.ErrOver), errors.Is(err, workgroups.ErrNotOffered):
		code = rpc.FaultConflict
	case errors.Is(err, workgroups.ErrBusy):
		code = rpc.FaultRateLimit
	case errors.Is(err, workgroups.ErrStorage):
		code = rpc.FaultDependency
	default:
		return err
	}
	return rpc.Faultf(code, "%s", strings.TrimPrefix(err.Error(), "workgroups: "))
}

// DefaultWorkgroup is the one that is meant where none is named: the only one, or
// the one called alerts.
func DefaultWorkgroup(all []workgroups.Workgroup) (name string, ok bool) {
	for _, w := range all {
		if len(all) == 1 || w.Name == "alerts" {
			return w.Name, true
		}
	}
	return "", false
}

func (s *Server) workgroup(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	all := s.Service.Workgroups()
	if name, ok := DefaultWorkgroup(all); ok {
		return name, nil
	}
	return "", rpc.Faultf(rpc.FaultParams, "which workgroup? there are %d", len(all))
}

func (s *Server) send(ctx context.Context, actor jid.JID, args *SendArgs) (SendResult, error) {
	name, err := s.workgroup(args.Workgroup)
	if err != nil {
		return SendResult{}, err
	}
	receipts, err := s.Service.Report(ctx, workgroups.Report{
		Workgroup: name, Source: actor.String(), Fingerprint: args.Dedup, Resolved: args.Resolved,
		Severity: workgroups.Severity(args.Severity), Summary: args.Summary, Details: args.Details, Host: args.Host, Labels: args.Labels,
	})
	if err != nil {
		return SendResult{}, err
	}
	return SendResult{Alert: onWire(receipts[0].Alert, answerBytes), Outcome: string(receipts[0].Was)}, nil
}

func (s *Server) list(ctx context.Context, _ jid.JID, args *ListArgs) (ListResult, error) {
	var all []workgroups.Alert
	var err error
	if args.Ended {
		all, err = s.Service.Ended(ctx, args.Workgroup, int(args.Limit))
	} else {
		all, err = s.Service.Alerts(ctx, args.Workgroup)
	}
	if err != nil {
		return ListResult{}, err
	}
	out := ListResult{Alerts: []Alert{}, Total: len(all)}
	room := answer{answerBytes}
	for _, a := range all[:min(len(all), int(args.Limit))] {
		a.Details, a.Labels = "", nil // alert.show has them
		w := onWire(a, answerBytes)
		if !room.holds(w) {
			break
		}
		out.Alerts = append(out.Alerts, w)
	}
	return out, nil
}

// number reads what people call an alert: 17, #17 or alert-17.
func number(id string) (int64, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(id), "#"), "alert-")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 {
		return 0, rpc.Faultf(rpc.FaultParams, "%q is not the number of an alert", id)
	}
	return n, nil
}

func (s *Server) show(ctx context.Context, _ jid.JID, args *ShowArgs) (ShowResult, error) {
	id, err := number(args.ID)
	if err != nil {
		return ShowResult{}, err
	}
	a, entries, err := s.Service.Alert(ctx, id)
	if err != nil {
		return ShowResult{}, fmt.Errorf("%w: %d", err, id)
	}
	out := ShowResult{Alert: onWire(a, answerBytes/2), Timeline: []Entry{}}
	room := answer{answerBytes}
	room.holds(out.Alert)
	if a.Instances > 0 {
		all, err := s.Service.Instances(ctx, id)
		if err != nil {
			return ShowResult{}, err
		}
		half := answer{room.left / 2}
		room.left -= half.left
		out.Instances = onWireInstances(all, &half)
		room.left += half.left
	}
	entries = workgroups.Timeline(entries)
	for _, e := range slices.Backward(entries[max(0, len(entries)-200):]) {
		entry := Entry{At: e.At, What: e.What, Who: e.Who, Text: e.Text}
		if !room.holds(entry) {
			break
		}
		out.Timeline = append(out.Timeline, entry)
	}
	slices.Reverse(out.Timeline)
	return out, nil
}

// onWireInstances are the first that there is room for.
func onWireInstances(all []workgroups.Instance, room *answer) []Instance {
	var out []Instance
	for _, i := range all {
		one := Instance{
			Severity: string(i.Severity), Summary: i.Summary, Host: i.Host, Source: i.Source, Dedup: i.Fingerprint,
			Count: int(i.Count), Starts: i.Starts, Over: i.Over,
		}
		if !room.holds(one) {
			break
		}
		out = append(out, one)
	}
	return out
}

func (s *Server) accept(ctx context.Context, actor jid.JID, args *AnswerArgs) (AnswerResult, error) {
	return s.answered(ctx, actor, "take", args.ID, func(id int64) (workgroups.Alert, error) { return s.Service.Take(ctx, id, actor) })
}

func (s *Server) ack(ctx context.Context, actor jid.JID, args *AnswerArgs) (AnswerResult, error) {
	return s.answered(ctx, actor, "ack", args.ID, func(id int64) (workgroups.Alert, error) { return s.Service.Take(ctx, id, actor) })
}

func (s *Server) reject(ctx context.Context, actor jid.JID, args *AnswerArgs) (AnswerResult, error) {
	return s.answered(ctx, actor, "pass", args.ID, func(id int64) (workgroups.Alert, error) { return s.Service.Pass(ctx, id, actor, args.Reason) })
}

func (s *Server) note(ctx context.Context, actor jid.JID, args *NoteArgs) (AnswerResult, error) {
	return s.answered(ctx, actor, "note", args.ID, func(id int64) (workgroups.Alert, error) {
		if err := s.concernsAlert(ctx, actor, id); err != nil {
			return workgroups.Alert{}, err
		}
		return s.Service.Note(ctx, id, actor, args.Text)
	})
}

func (s *Server) transfer(ctx context.Context, actor jid.JID, args *TransferArgs) (AnswerResult, error) {
	to, err := jid.Parse(args.To)
	if err != nil {
		return AnswerResult{}, rpc.Faultf(rpc.FaultParams, "%q is not an address", args.To)
	}
	return s.answered(ctx, actor, "pass", args.ID, func(id int64) (workgroups.Alert, error) {
		return s.Service.Transfer(ctx, id, actor, to, args.Reason)
	})
}

func (s *Server) resolve(ctx context.Context, actor jid.JID, args *AnswerArgs) (AnswerResult, error) {
	return s.answered(ctx, actor, "resolve", args.ID, func(id int64) (workgroups.Alert, error) {
		if err := s.concernsAlert(ctx, actor, id); err != nil {
			return workgroups.Alert{}, err
		}
		return s.Service.Resolve(ctx, id, actor, args.Reason)
	})
}

// concernsAlert is concerns for the workgroup of an alert.
func (s *Server) concernsAlert(ctx context.Context, actor jid.JID, id int64) error {
	a, _, err := s.Service.Alert(ctx, id)
	if err != nil {
		return fmt.Errorf("%w: %d", err, id)
	}
	return s.concerns(actor, a.Workgroup)
}

// concerns is nil for the members of a workgroup, or of all workgroups if it has
// no name, and for administrators: beside a permission, whoever says what becomes
// of alerts has to be one of those.
func (s *Server) concerns(actor jid.JID, workgroup string) error {
	switch {
	case s.Policy().Admin(actor), s.Service.Member(workgroup, actor):
		return nil
	case workgroup == "":
		return rpc.Faultf(rpc.FaultDenied, "%s is not a member of all workgroups\nhint: name one", actor)
	case !slices.ContainsFunc(s.Service.Workgroups(), func(w workgroups.Workgroup) bool { return w.Name == workgroup }):
		return fmt.Errorf("%w: %q", workgroups.ErrNoWorkgroup, workgroup)
	}
	return rpc.Faultf(rpc.FaultDenied, "%s is no member of the workgroup %s", actor, workgroup)
}

func (s *Server) join(ctx context.Context, actor jid.JID, args *WorkgroupArgs) (DutyResult, error) {
	return s.duty(ctx, actor, args.Workgroup, true)
}

func (s *Server) leave(ctx context.Context, actor jid.JID, args *WorkgroupArgs) (DutyResult, error) {
	return s.duty(ctx, actor, args.Workgroup, false)
}

func (s *Server) duty(ctx context.Context, actor jid.JID, workgroup string, on bool) (DutyResult, error) {
	name, err := s.workgroup(workgroup)
	if err != nil {
		return DutyResult{}, err
	}
	return DutyResult{Workgroup: name, OnDuty: on}, s.Service.Duty(ctx, name, actor, on)
}

// answered does something about the alert of which a number was said, or which is
// meant by the verb without one.
func (s *Server) answered(ctx context.Context, actor jid.JID, verb, said string, do func(id int64) (workgroups.Alert, error)) (AnswerResult, error) {
	id, err := s.meant(ctx, actor, verb, said)
	if err != nil {
		return AnswerResult{}, err
	}
	a, err := do(id)
	return AnswerResult{Alert: onWire(a, answerBytes)}, err
}

func (s *Server) meant(ctx context.Context, actor jid.JID, verb, said string) (int64, error) {
	if said == "" {
		return s.Service.Meant(ctx, actor, verb)
	}
	return number(said)
}

// rooms are at most as many as an answer holds.
func (s *Server) rooms(ctx context.Context, _ jid.JID, args *RoomsArgs) (RoomsResult, error) {
	out := RoomsResult{Rooms: []Room{}}
	all, err := s.Service.Alerts(ctx, "")
	if err != nil {
		return out, err
	}
	left := answer{answerBytes}
	for _, a := range all {
		room := Room{JID: a.Room.String(), Alert: int(a.ID), Host: a.Host}
		if room.JID == "" || args.Room != "" && args.Room != room.JID {
			continue
		}
		if !left.holds(room) {
			break
		}
		out.Rooms = append(out.Rooms, room)
	}
	return out, nil
}

func (s *Server) figures(ctx context.Context, _ jid.JID, args *FiguresArgs) (FiguresResult, error) {
	if args.Until.IsZero() {
		args.Until = s.Now()
	}
	f, err := s.Service.Figures(ctx, args.Workgroup, args.From, args.Until)
	return FiguresResult{
		From: args.From, Until: args.Until, Raised: f.Raised, Accepted: f.Accepted, Resolved: f.Resolved, Expired: f.Expired,
		ToAccept: f.ToAccept().Seconds(), ToResolve: f.ToResolve().Seconds(),
	}, err
}

func (s *Server) workgroups(ctx context.Context, _ jid.JID, _ *NoArgs) (WorkgroupListResult, error) {
	out := WorkgroupListResult{Workgroups: []Workgroup{}}
	for _, w := range s.Service.Workgroups() {
		st, err := s.Service.Status(ctx, w.Name)
		if err != nil {
			return out, err
		}
		out.Workgroups = append(out.Workgroups, s.standing(st))
	}
	return out, nil
}

func (s *Server) status(ctx context.Context, _ jid.JID, args *WorkgroupArgs) (WorkgroupStatusResult, error) {
	name, err := s.workgroup(args.Workgroup)
	if err != nil {
		return WorkgroupStatusResult{}, err
	}
	st, err := s.Service.Status(ctx, name)
	if err != nil {
		return WorkgroupStatusResult{}, err
	}
	out := WorkgroupStatusResult{Workgroup: s.standing(st), Agents: []Agent{}, Total: len(st.Agents)}
	room := answer{answerBytes - size(out.Workgroup)}
	for _, a := range st.Agents {
		agent := Agent{JID: a.JID.String(), Bot: a.Bot, Here: a.Here, Show: string(a.Show), Status: a.Status, Alerts: a.Chats, Offers: a.Offers, Max: a.Max}
		if !room.holds(agent) {
			break
		}
		out.Agents = append(out.Agents, agent)
	}
	return out, nil
}

func (s *Server) standing(st workgroups.Status) Workgroup {
	w := Workgroup{
		Name: st.Workgroup.Name, JID: s.Service.Address(st.Workgroup.Name).String(), Title: st.Workgroup.Title,
		Waiting: st.Waiting, Assigned: st.Assigned, Oldest: st.Oldest,
	}
	for _, a := range st.Agents {
		if a.Here {
			w.Here++
		}
	}
	return w
}

// onWire is an alert, or as much of it as so many bytes hold.
func onWire(a workgroups.Alert, limit int) Alert {
	w := Alert{
		ID: int(a.ID), JID: a.User.String(), Workgroup: a.Workgroup, State: string(a.State), Severity: string(a.Severity),
		Summary: a.Summary, Details: a.Details, Host: a.Host, Labels: a.Labels, Source: a.Source, Dedup: a.Fingerprint,
		Episode: int(a.Episode), Count: int(a.Count), Grant: int(a.Grant), Reason: a.Reason, EndedBy: a.EndedBy, Room: a.Room.String(),
		GroupedBy: a.Group, Instances: int(a.Instances), Firing: int(a.Firing),
		Starts: a.Starts, Raised: a.Raised, Updated: a.Updated, Accepted: a.Accepted, Muted: a.Muted, Ended: a.Ended,
	}
	if !a.Owner.Equal(jid.JID{}) {
		w.Owner = a.Owner.Bare().String()
	}
	w.fit(limit)
	return w
}
