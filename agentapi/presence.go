package agentapi

import "time"

// The methods about the host's mood.
var (
	PresenceGet = Define[NoArgs, PresenceGetResult](Spec{
		Name: "presence.get", Permission: "presence.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help: "Says how the host feels, and why.",
	})
	PresenceSet = Define[PresenceSetArgs, PresenceSetResult](Spec{
		Name: "presence.set", Permission: "presence.write", Class: Write, Timeout: 10 * time.Second,
		Help: "Sets what the host shows, for a while or until it is set back to auto.",
	})
)

func presenceMethods() []Spec { return []Spec{Spec(PresenceGet), Spec(PresenceSet)} }

type PresenceGetResult struct {
	Common
	Show     string       `rpc:"show" help:"as in presence: empty when available, away, dnd"`
	Status   string       `rpc:"status" help:"as on the buddy list"`
	Mood     string       `rpc:"mood" help:"happy, sad, dnd, drain"`
	Score    int32        `rpc:"score" agg:"avg,max" help:"0 when nothing is wrong, to 100; the points of the reasons"`
	Reasons  []MoodReason `rpc:"reasons,omitempty" aside:"yes"`
	Since    time.Time    `rpc:"since" help:"when the mood began"`
	Sequence int32        `rpc:"sequence" help:"counts the changes since the host agent started"`
}

type PresenceSetArgs struct {
	Mood    string `rpc:"mood" validate:"required,oneof=auto dnd drain"`
	Text    string `rpc:"text,omitempty" validate:"max=200"`
	Seconds *int32 `rpc:"seconds,omitempty" validate:"omitempty,dur" help:"back to auto after this"`
}

type PresenceSetResult struct {
	Common
	Before    string    `rpc:"before"`
	After     string    `rpc:"after"`
	RevertsAt time.Time `rpc:"reverts_at,omitempty"`
}
