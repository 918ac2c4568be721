package link

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"adminbot/internal/xmpp/element"
	"mellium.im/sasl"
	"mellium.im/xmpp"
)

// channelBinding reads the list of XEP-0440. It is not negotiated itself.
func channelBinding() xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name: xml.Name{Space: nsBinding, Local: "sasl-channel-binding"},
		Parse: func(_ context.Context, d *xml.Decoder, start *xml.StartElement) (bool, any, error) {
			list, err := element.ReadInner(d, *start)
			if err != nil {
				return false, nil, err
			}
			var types []string
			for _, c := range list.Children {
				if c.Name.Local == "channel-binding" {
					types = append(types, c.Get("type"))
				}
			}
			return false, types, nil
		},
	}
}

// chooseMechanism returns the strongest mechanism that both sides know. One
// with channel binding is taken only where it is known to work: on TLS 1.3, and
// if the server says that it knows tls-exporter. PLAIN shows the password to
// the server, so it is the last choice, and the caller sees to it that the
// server is the right one.
func chooseMechanism(offered, bindings []string, state tls.ConnectionState) (sasl.Mechanism, bool) {
	exporter := state.Version >= tls.VersionTLS13 && slices.Contains(bindings, "tls-exporter")
	for _, m := range []sasl.Mechanism{sasl.ScramSha256Plus, sasl.ScramSha256, sasl.ScramSha1Plus, sasl.ScramSha1, sasl.Plain} {
		if strings.HasSuffix(m.Name, "-PLUS") && !exporter {
			continue
		}
		if slices.Contains(offered, m.Name) {
			return m, true
		}
	}
	return sasl.Mechanism{}, false
}

// sasl is the feature of RFC 6120 6.
func (n *negotiation) sasl(password string, needed xmpp.SessionState) xmpp.StreamFeature {
	return xmpp.StreamFeature{
		Name:       xml.Name{Space: nsSASL, Local: "mechanisms"},
		Necessary:  needed,
		Prohibited: xmpp.Authn,
		Parse: func(_ context.Context, d *xml.Decoder, start *xml.StartElement) (bool, any, error) {
			list, err := element.ReadInner(d, *start)
			if err != nil {
				return true, nil, err
			}
			var offered []string
			for _, c := range list.Children {
				if c.Name == (xml.Name{Space: nsSASL, Local: "mechanism"}) {
					offered = append(offered, strings.TrimSpace(c.Text))
				}
			}
			return true, offered, nil
		},
		Negotiate: func(_ context.Context, session *xmpp.Session, data any) (xmpp.SessionState, io.ReadWriter, error) {
			offered, _ := data.([]string)
			var bindings []string
			if types, ok := session.Feature(nsBinding); ok {
				bindings, _ = types.([]string)
			}
			state := n.wire.ConnectionState()
			mechanism, ok := chooseMechanism(offered, bindings, state)
			if !ok {
				return 0, nil, fmt.Errorf("%w: it offers only %s", ErrAuth, strings.Join(offered, ", "))
			}
			n.mechanism = mechanism.Name
			err := n.login(session, mechanism, password, offered, state)
			return xmpp.Authn, n.wire, err
		},
	}
}

// login exchanges the messages of one mechanism.
func (n *negotiation) login(session *xmpp.Session, m sasl.Mechanism, password string, offered []string, state tls.ConnectionState) error {
	options := []sasl.Option{
		sasl.Credentials(func() (user, pass, identity []byte) {
			return []byte(n.s.cfg.JID.Localpart()), []byte(password), nil
		}),
		sasl.RemoteMechanisms(offered...),
	}
	if strings.HasSuffix(m.Name, "-PLUS") {
		options = append(options, sasl.TLSState(state))
	}
	client := sasl.NewClient(m, options...)
	more, response, err := client.Step(nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(n.wire, "<auth xmlns='%s' mechanism='%s'>%s</auth>", nsSASL, m.Name, encodeSASL(response)); err != nil {
		return err
	}
	for {
		answer, err := readNegotiation(session)
		if err != nil {
			return err
		}
		if answer.Name.Space != nsSASL {
			return fmt.Errorf("link: <%s> in the middle of the login", answer.Name.Local)
		}
		if answer.Name.Local == "failure" {
			return &LoginError{Condition: conditionOf(answer, nsSASL), Text: answer.ChildText("text")}
		}
		text := strings.TrimSpace(answer.Text)
		if text == "=" { // RFC 6120 6.4.2: present but empty
			text = ""
		}
		challenge, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("link: login: %w", err)
		}
		switch answer.Name.Local {
		case "success":
			if more { // the server's last message came along; without it the server has proved nothing
				if more, _, err = client.Step(challenge); err != nil || more {
					return errServerProof
				}
			}
			return nil
		case "challenge":
			if !more {
				return errors.New("link: login: a challenge too many")
			}
			if more, response, err = client.Step(challenge); err != nil {
				return fmt.Errorf("%w: %w", errServerProof, err)
			}
			if _, err := fmt.Fprintf(n.wire, "<response xmlns='%s'>%s</response>", nsSASL, base64.StdEncoding.EncodeToString(response)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("link: <%s> in the middle of the login", answer.Name.Local)
		}
	}
}

// errServerProof is returned when the server cannot show that it knows the
// password. It may be somebody else's.
var errServerProof = fmt.Errorf("%w: it could not prove that it knows the account", ErrAuth)

// encodeSASL encodes an initial response; an empty one is written as =.
func encodeSASL(response []byte) string {
	if len(response) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(response)
}
