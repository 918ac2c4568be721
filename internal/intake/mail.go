package intake

import (
	"bytes"
	"html"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"

	"adminbot/workgroups"
)

// Bounds of the parts of a mail: how many are looked at, and how deep they may be
// in each other. Each is read through all that it is in.
const (
	maxParts  = 32
	maxNested = 8
)

// readMail makes an alert of a mail: its subject is the summary. Mails of Nagios
// and Icinga are read for what they say of a check. dedup, if there is one, is
// what makes two mails the same alert.
func readMail(body []byte, dedup string) ([]workgroups.Report, error) {
	subject, text, err := mailText(body)
	if err != nil {
		return nil, malformed("the mail cannot be read: %v", err)
	}
	if c, ok := mailCheck(subject, text); ok {
		reports, err := c.reports(nil)
		for i := range reports {
			reports[i].Fingerprint = first(dedup, reports[i].Fingerprint)
		}
		return reports, err
	}
	line, rest := subject, text
	if line == "" {
		line, rest, _ = strings.Cut(text, "\n")
	}
	r := workgroups.Report{Details: rest, Fingerprint: dedup, Severity: workgroups.Warning}
	var state string
	r.Summary, state = untagged(line)
	r.Resolved = over(state)
	if r.Summary == "" {
		return nil, malformed("the mail has neither a subject nor a text")
	}
	return []workgroups.Report{r}, nil
}

// mailText is the subject of a mail and its text: the first plain part, else the
// words of the first of HTML. What of its parts cannot be read is left out: better
// half of an alert than none.
func mailText(body []byte) (subject, text string, err error) {
	whole, err := message.Read(bytes.NewReader(body))
	if err != nil && !unknown(err) {
		return "", "", err
	}
	header := mail.Header{Header: whole.Header}
	if subject, err = header.Subject(); err != nil {
		subject = header.Get("Subject") // as it is: letters nobody knows
	}
	subject = strings.Join(strings.Fields(subject), " ")
	var p parts
	p.read(whole, 0)
	return subject, first(p.text, words(p.page)), nil
}

// parts are what was found in those of a mail.
type parts struct {
	text, page string // the first of each kind
	seen       int
}

// read reads one part, and those in it.
func (p *parts) read(e *message.Entity, depth int) {
	if inner := e.MultipartReader(); inner != nil {
		if depth == maxNested {
			return
		}
		for p.seen < maxParts {
			part, err := inner.NextPart()
			if part == nil || err != nil && !unknown(err) {
				return
			}
			p.seen++
			p.read(part, depth+1)
		}
		return
	}
	disposition, _, _ := e.Header.ContentDisposition()
	kind, _, _ := e.Header.ContentType()
	plain := p.text == "" && (kind == "text/plain" || kind == "")
	page := p.page == "" && kind == "text/html"
	if disposition == "attachment" || !plain && !page {
		return
	}
	content, _ := io.ReadAll(e.Body)
	if plain {
		p.text = strings.ReplaceAll(letters(content), "\r\n", "\n")
	} else {
		p.page = letters(content)
	}
}

// unknown is the error of letters or of an encoding that nobody knows. What can be
// read is read.
func unknown(err error) bool { return message.IsUnknownCharset(err) || message.IsUnknownEncoding(err) }

var (
	unseen = regexp.MustCompile(`(?is)<(style|script|head)\b.*?</(style|script|head)\s*>|<!--.*?-->`)
	tag    = regexp.MustCompile(`(?s)<[^<>]*>`)
)

// letters are the text of a part: UTF-8, or else ISO 8859-1. Tables of all the
// letters there have been would make the program noticeably larger.
func letters(content []byte) string {
	if utf8.Valid(content) {
		return string(content)
	}
	runes := make([]rune, len(content))
	for i, b := range content {
		runes[i] = rune(b)
	}
	return string(runes)
}

// words is the text of a page.
func words(page string) string {
	var lines []string
	for line := range strings.SplitSeq(tag.ReplaceAllString(unseen.ReplaceAllString(page, "\n"), "\n"), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, html.UnescapeString(line))
		}
	}
	return strings.Join(lines, "\n")
}

var (
	// checkSubject is that of the mails that Nagios and Icinga are shipped with:
	// "** PROBLEM Host Alert: web01 is DOWN **", "[PROBLEM] Disk / on web01 is CRITICAL!"
	checkSubject = regexp.MustCompile(`^(?:\*\*|\[)\s*([A-Z]+)\b.* is ([A-Z]+)\W*$`)
	checkField   = regexp.MustCompile(`(?m)^(Notification Type|Host|Service|State|Address|IPv4|Info|Additional Info):[ \t]*(.*)$`)
)

// mailCheck reads a mail of Nagios or Icinga.
func mailCheck(subject, text string) (check, bool) {
	m := checkSubject.FindStringSubmatch(subject)
	if m == nil {
		return check{}, false
	}
	fields := map[string]string{}
	for _, f := range checkField.FindAllStringSubmatchIndex(text, -1) {
		name, value := text[f[2]:f[3]], strings.TrimSpace(text[f[4]:f[5]])
		if name == "Additional Info" && value == "" { // it is what follows
			value = strings.TrimSpace(text[f[1]:])
		}
		if fields[name] == "" {
			fields[name] = value
		}
	}
	output, long, _ := strings.Cut(first(fields["Info"], fields["Additional Info"]), "\n")
	c := check{
		kind: first(fields["Notification Type"], m[1]), state: first(fields["State"], m[2]), host: fields["Host"], service: fields["Service"],
		output: output, long: long, address: first(fields["Address"], fields["IPv4"]),
	}
	return c, c.host != ""
}
