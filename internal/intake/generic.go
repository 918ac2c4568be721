package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// Names that the fields of a generic alert go under, the most certain first.
// Whatever else there is, is not looked at.
var (
	summaryFields  = []string{"summary", "title", "subject", "message", "msg", "text", "description"}
	detailsFields  = []string{"details", "body", "description", "message", "msg", "text"}
	severityFields = []string{"severity", "priority", "level"}
	hostFields     = []string{"host", "hostname", "instance"}
	dedupFields    = []string{"dedup", "dedup_key", "fingerprint", "key", "alert_uid"}
	stateFields    = []string{"action", "status", "state"}
	startsFields   = []string{"starts_at", "startsat", "starts"}
	labelsFields   = []string{"labels", "label", "meta"}
)

// A generic alert, as it came.
type generic struct {
	fields map[string]string // by lower-case name
	labels map[string]string
}

// readGeneric reads what people and scripts send: JSON, one object or an array of
// them; a form; or plain text, whose first line is the summary.
func readGeneric(r *request) ([]workgroups.Report, error) {
	if body := bytes.TrimSpace(r.body); len(body) > 0 && body[0] == '[' {
		return readArray(body)
	}
	g, err := readFields(r)
	if err != nil {
		return nil, err
	}
	return one(g.report())
}

func one(r workgroups.Report, err error) ([]workgroups.Report, error) {
	return []workgroups.Report{r}, err
}

// readFields reads an object of JSON, a form, or text.
func readFields(r *request) (*generic, error) {
	body := bytes.TrimSpace(r.body)
	header := r.http.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(header)
	if err != nil && header != "" {
		return nil, malformed("Content-Type: %v", err)
	}
	query := r.http.URL.Query()
	switch {
	case len(body) > 0 && body[0] == '{', kind == "application/json": // curl -d says that it is a form
		var object map[string]json.RawMessage
		if err := decode(body, &object); err != nil {
			return nil, err
		}
		return readObject(object)
	case kind == "text/plain":
		summary, details, _ := strings.Cut(string(body), "\n")
		return readForm(query, url.Values{"summary": {summary}, "details": {details}})
	case kind == "", kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, malformed("the form cannot be read: %v", err)
		}
		return readForm(form, query)
	case kind == "multipart/form-data":
		form, err := readParts(multipart.NewReader(bytes.NewReader(r.body), params["boundary"]))
		if err != nil {
			return nil, malformed("the form cannot be read: %v", err)
		}
		return readForm(form, query)
	}
	return nil, refusal(http.StatusUnsupportedMediaType, "Content-Type %s is not understood\nhint: application/json, application/x-www-form-urlencoded or text/plain", textsafe.Line(kind, 60))
}

func readArray(body []byte) ([]workgroups.Report, error) {
	var items []json.RawMessage
	if err := decode(body, &items); err != nil {
		return nil, err
	}
	switch {
	case len(items) == 0:
		return nil, malformed("the array is empty")
	case len(items) > MaxAlerts:
		return nil, tooMany(len(items))
	}
	all := make([]workgroups.Report, 0, len(items))
	err := each("alerts", items, func(_ int, object *map[string]json.RawMessage) error {
		g, err := readObject(*object)
		if err != nil {
			return err
		}
		r, err := g.report()
		all = append(all, r)
		return err
	})
	return all, err
}

// readObject reads a JSON object.
func readObject(object map[string]json.RawMessage) (*generic, error) {
	g := &generic{fields: map[string]string{}, labels: map[string]string{}}
	for name, raw := range object {
		lower := strings.ToLower(name)
		if !slices.Contains(labelsFields, lower) {
			var t text
			if err := t.UnmarshalJSON(raw); err != nil {
				return nil, malformed("%s: %v", textsafe.Line(name, 60), err)
			}
			g.fields[lower] = string(t)
			continue
		}
		var named labels
		var pairs []string
		if json.Unmarshal(raw, &named) != nil && json.Unmarshal(raw, &pairs) != nil {
			return nil, malformed("%s: is neither an object nor an array of \"name=value\"", lower)
		}
		for name, value := range named {
			g.labels[name] = string(value)
		}
		if err := g.pairs(lower, pairs); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// readForm reads a form; more are further fields of it.
func readForm(forms ...url.Values) (*generic, error) {
	g := &generic{fields: map[string]string{}, labels: map[string]string{}}
	for _, form := range forms {
		for name, values := range form {
			lower := strings.ToLower(name)
			switch {
			case slices.Contains(labelsFields, lower):
				if err := g.pairs(lower, values); err != nil {
					return nil, err
				}
			case len(values) > 0 && g.fields[lower] == "":
				g.fields[lower] = values[0]
			}
		}
	}
	return g, nil
}

// readParts reads a form of several parts, as curl -F sends it.
func readParts(r *multipart.Reader) (url.Values, error) {
	form := url.Values{}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		} else if err != nil {
			return nil, err
		}
		value, err := io.ReadAll(part) // of a body that is bounded
		if err != nil {
			return nil, err
		}
		form.Add(part.FormName(), string(value))
	}
}

// pairs are labels as name=value.
func (g *generic) pairs(field string, pairs []string) error {
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return malformed("%s: %q is not name=value", field, textsafe.Line(pair, 60))
		}
		g.labels[strings.TrimSpace(name)] = value
	}
	return nil
}

// field is the first that has something in it.
func (g *generic) field(names []string) (name, value string) {
	for _, name := range names {
		if value := strings.TrimSpace(g.fields[name]); value != "" {
			return name, value
		}
	}
	return "", ""
}

func (g *generic) report() (workgroups.Report, error) {
	r := workgroups.Report{Labels: g.labels}
	var from string
	from, r.Summary = g.field(summaryFields)
	_, r.Details = g.field(slices.DeleteFunc(slices.Clone(detailsFields), func(name string) bool { return name == from }))
	_, r.Fingerprint = g.field(dedupFields)
	if service := strings.TrimSpace(g.fields["service"]); service != "" && g.labels["service"] == "" {
		g.labels["service"] = service
	}
	if r.Host = hostName(second(g.field(hostFields))); r.Host == "" {
		r.Host = hostOf(g.labels)
	}
	if _, word := g.field(severityFields); word != "" {
		r.Severity = severityOf(word)
	} else {
		r.Severity = severityIn(g.labels)
	}
	_, state := g.field(stateFields)
	r.Resolved = over(state) || over(g.fields["severity"])
	startsName, starts := g.field(startsFields)
	var err error
	if r.Starts, err = timeOf(startsName, text(starts)); err != nil {
		return r, err
	}
	if r.Summary == "" && !(r.Resolved && r.Fingerprint != "") {
		if g.fields["alerts"] != "" {
			return r, malformed("summary: is missing\nhint: what Alertmanager and Grafana send goes to /alertmanager and /grafana")
		}
		return r, malformed("summary: is missing\nhint: the fields are summary, details, severity, host, dedup, labels, action")
	}
	return r, nil
}

func second(_, value string) string { return value }
