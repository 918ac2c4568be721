package hostagent

import (
	"fmt"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/policy"
)

// LetsIn returns an error that says why an agent with this policy would not
// tell that caller even what host it is: the caller is not listed, or no rule
// lets it read facts on its own behalf. A file that is empty is a valid policy,
// and lets nobody in. Nil: it would.
func LetsIn(p *policy.Policy, caller jid.JID, at time.Time) error {
	if p == nil {
		return fmt.Errorf("hostagent: no policy: every call is refused")
	}
	if err := p.CheckHost(); err != nil {
		return fmt.Errorf("hostagent: %w", err)
	}
	who := caller.Bare()
	if !p.Listed(who) {
		return fmt.Errorf("hostagent: the policy lets %s not in\nhint: bots = [%q]", who, who)
	}
	spec := agentapi.Spec(agentapi.HostFacts)
	d := p.Decide(policy.Ask{Who: who, Via: who, Method: spec.Name, Permission: spec.Permission, Class: spec.Class.String(), At: at})
	if !d.Allow {
		return fmt.Errorf("hostagent: no rule of the policy lets %s call %s: %s", who, spec.Name, d.Reason())
	}
	return nil
}
