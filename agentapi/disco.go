package agentapi

import "slices"

// Resource is the resource of a host agent's full JID, to which calls go.
const Resource = "agent"

// NodeCaps is the node of a host agent's caps (XEP-0115); [Ver] follows it in
// the node under which its methods may be kept.
const NodeCaps = "urn:adminbot:agent:0"

// FormType is the FORM_TYPE of the extension form in a host agent's disco#info
// (XEP-0128). It carries what all agents of one version share and nothing about
// one host, so that thousands share one caps hash.
const FormType = "urn:adminbot:agent:0"

// Features that a host agent may announce.
const (
	FeatureRPC            = "jabber:iq:rpc"
	FeatureSHIM           = "http://jabber.org/protocol/shim"
	FeatureAlertPublisher = "urn:adminbot:alertpublisher:0"
	FeatureMood           = NSMood
)

// Nodes of pubsub on the host agent's own account (XEP-0163).
const (
	NodeAlert     = "urn:adminbot:alert:0"     // an item for each check, its id the check's name
	NodeHealth    = "urn:adminbot:health:0"    // one item
	NodeInventory = "urn:adminbot:inventory:0" // one item
	NodeLog       = "urn:adminbot:log:0"       // prefix; ":" and the stream's id follow
)

// Identity is one identity of disco#info (XEP-0030).
type Identity struct {
	Category, Type, Name string
}

// AgentIdentity is what a host agent is: XEP-0009 registers automation/rpc.
func AgentIdentity() Identity {
	return Identity{Category: "automation", Type: "rpc", Name: "AdminBot host agent"}
}

// BotIdentity is what the bot is.
func BotIdentity() Identity { return Identity{Category: "client", Type: "bot", Name: "AdminBot"} }

// Features lists what a host agent announces, sorted. publishes is true only
// when it really publishes alerts.
func Features(publishes bool) []string {
	f := []string{FeatureRPC, FeatureSHIM, FeatureMood}
	if publishes {
		f = append(f, FeatureAlertPublisher)
	}
	slices.Sort(f)
	return f
}

// FormFields are the fields of the extension form besides FORM_TYPE: the
// contract's hash and the agent's version.
func FormFields(version string) map[string]string {
	return map[string]string{"methods_ver": Ver(), "software_version": version}
}
