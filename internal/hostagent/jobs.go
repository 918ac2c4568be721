package hostagent

import (
	"context"
	"strconv"
	"strings"
	"time"

	"adminbot/agentapi"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// jobs answers job.*: the calls that change the host, as the journal has them.
type jobs struct {
	journal *journal
	policy  func() *policy.Policy
}

func job(r record) agentapi.Job {
	j := agentapi.Job{ID: r.ID, Method: r.Method, Actor: r.Actor, State: string(r.State), StartedAt: r.Started}
	if !r.Ended.IsZero() {
		j.EndedAt = r.Ended
	}
	var code int32
	switch r.State {
	case stateDone:
		j.ExitCode = &code
	case stateFailed:
		code = int32(r.Fault.Code)
		j.ExitCode = &code
	case stateInterrupted:
		code = rpc.FaultHelper
		j.ExitCode = &code
	}
	return j
}

func (j *jobs) list(_ context.Context, args agentapi.JobListArgs) (agentapi.JobListResult, error) {
	var res agentapi.JobListResult
	for _, r := range j.journal.list() {
		is := string(r.State)
		switch r.State {
		case stateWaiting:
			is = "running"
		case stateInterrupted:
			is = "failed"
		}
		if args.State == "all" || args.State == is {
			res.Jobs = append(res.Jobs, job(r))
		}
	}
	res.Total = int32(len(res.Jobs))
	if end := offset(args.Next) + int(args.Limit); len(res.Jobs) > end {
		res.Jobs = res.Jobs[:end]
		res.Truncated, res.Next = true, strconv.Itoa(end)
	}
	return res, nil
}

func (j *jobs) get(ctx context.Context, args agentapi.JobGetArgs) (agentapi.JobGetResult, error) {
	var res agentapi.JobGetResult
	caller := ""
	c := callFrom(ctx)
	if c != nil {
		caller = c.req.From.Bare().String()
	}
	r, ok := j.journal.get(args.ID, caller, args.Key)
	if !ok {
		return res, rpc.Faultf(rpc.FaultNotFound, "no such job in the last %v", journalKeep)
	}
	// job.read is for one's own; other people's take job.read.all.
	if c != nil && r.Actor != c.actor.String() && r.Call.Caller != caller {
		d := j.policy().Decide(policy.Ask{
			Who: c.actor, Via: c.req.From.Bare(), Method: "job.get", Permission: "job.read.all", Class: "S", At: time.Now(),
		})
		if !d.Allow {
			return res, rpc.Faultf(rpc.FaultDenied, "the job is of %s: %s", r.Actor, d.Reason())
		}
	}
	res.Job = job(r)
	switch {
	case r.State == stateInterrupted:
		res.Err = "may have run: the host agent died before it ended"
		return res, nil
	case r.Fault != nil:
		res.Err = r.Fault.Message
		return res, nil
	case r.State != stateDone:
		return res, nil
	}
	v, err := j.journal.answer(r.ID)
	if err != nil {
		return res, err
	}
	out, err := v.MarshalJSON()
	if err != nil {
		return res, err
	}
	res.Out, res.Next = window(string(out), args.Offset, args.LimitBytes)
	return res, nil
}

// window cuts output to what was asked for; next is the offset of the rest.
func window(out string, offset float64, limit *int32) (part, next string) {
	from := int(min(max(offset, 0), float64(len(out))))
	to := len(out)
	if limit != nil {
		to = min(to, from+int(*limit))
	}
	part = strings.ToValidUTF8(out[from:to], "\uFFFD")
	if to < len(out) {
		next = strconv.Itoa(to)
	}
	return part, next
}
