package agentapi

import "time"

// The methods about the host's mood.
var (
	PresenceGet = Define[NoArgs, PresenceGetResult](Spec{
		Name: "presence.get", Permission: "presence.read", Class: Read, Timeout: 10 * time.Second, Built: true,
		Help:  "Says how the host feels, and why.",
		Words: []string{"how is", "how's it going", "mood", "is it ok", "why is it sad", "health", "how are things", "presence", "how does it feel", "what's wrong with"},
	})
	PresenceSet = Define[PresenceSetArgs, PresenceSetResult](Spec{
		Name: "presence.set", Permission: "presence.write", Class: Write, Timeout: 10 * time.Second,
		Help:  "Sets what the host shows, for a while or until it is set back to auto.",
		Words: []string{"set mood", "set presence", "put in mood", "mark as"},
		Sayings: []Saying{
			{Words: []string{"drain", "put in drain", "take out of rotation"}, Args: map[string]any{"mood": "drain"}},
			{Words: []string{"undrain", "back to auto", "back in rotation", "put back"}, Args: map[string]any{"mood": "auto"}},
			{Words: []string{"do not disturb", "dnd", "maintenance mode", "in maintenance"}, Args: map[string]any{"mood": "dnd"}},
		},
	})
)

func presenceMethods() []Spec { return []Spec{PresenceGet.Spec, PresenceSet.Spec} }

type PresenceGetResult struct {
	Common
	Show     string       `rpc:"show" help:"as in presence: empty when available, away, dnd"`
	Status   string       `rpc:"status" words:"status" help:"as on the buddy list"`
	Mood     string       `rpc:"mood" words:"mood,feeling" values:"happy=happy|fine|ok|well|green;sad=sad|unhappy|yellow|struggling;dead=dead|down|gone|red|offline;dnd=dnd|do not disturb;drain=drain|drained|draining" help:"happy, sad, dnd, drain"`
	Score    int32        `rpc:"score" words:"score,sadness" most:"saddest" least:"happiest" agg:"avg,max" help:"0 when nothing is wrong, to 100; the points of the reasons"`
	Reasons  []MoodReason `rpc:"reasons,omitempty" aside:"yes"`
	Since    time.Time    `rpc:"since" words:"since" help:"when the mood began"`
	Sequence int32        `rpc:"sequence" help:"counts the changes since the host agent started"`
}

type PresenceSetArgs struct {
	Mood    string `rpc:"mood" validate:"required,oneof=auto dnd drain" words:"mood" values:"auto=auto|automatic|normal|undrain;dnd=dnd|do not disturb|maintenance;drain=drain|drained|draining"`
	Text    string `rpc:"text,omitempty" validate:"max=200" words:"saying,with text,because"`
	Seconds *int32 `rpc:"seconds,omitempty" validate:"omitempty,dur" words:"for,until" help:"back to auto after this"`
}

type PresenceSetResult struct {
	Common
	Before    string    `rpc:"before"`
	After     string    `rpc:"after"`
	RevertsAt time.Time `rpc:"reverts_at,omitempty"`
}
