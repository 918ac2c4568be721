package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"adminbot/internal/textsafe"
	"adminbot/workgroups"
)

// Times that a client gets.
const (
	headerWait = 10 * time.Second // to say what it wants
	bodyWait   = 30 * time.Second // to send all of it
	answerWait = time.Minute      // to have its answer, from its first byte on
	idleWait   = 2 * time.Minute  // between two requests
	endWait    = 5 * time.Second  // when the server ends
)

// A format makes reports of a body. Its errors are for whoever wrote the body.
type format struct {
	name string
	read func(*request) ([]workgroups.Report, error)
}

// A request is what a format reads.
type request struct {
	http   *http.Request // its body is read
	body   []byte
	source *Source
	now    time.Time
}

// formats by the path they are sent to.
var formats = map[string]format{
	"/alertmanager":  {"alertmanager", readAlertmanager},
	"/grafana":       {"grafana", readGrafana},
	"/icinga":        {"icinga", readIcinga},
	"/process-event": {"icinga", readIcinga}, // as Icinga Notifications has it
	"/nagios":        {"nagios", readNagios},
	"/generic":       {"generic", readGeneric},
}

// Handler answers HTTP requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for path, f := range formats {
		mux.Handle(path, s.endpoint(f))
	}
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	paths := strings.Join(slices.Sorted(maps.Keys(formats)), ", ")
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Sprintf("%s takes no alerts\nhint: POST to one of %s", textsafe.Line(r.URL.Path, 100), paths))
	})
	return s.behindProxies(mux)
}

func (s *Server) serveHTTP(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: headerWait, ReadTimeout: bodyWait, WriteTimeout: answerWait, IdleTimeout: idleWait,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	door := s.newDoorman(l)
	defer door.wg.Wait()
	if err := serveUntil(ctx, srv, netutil.LimitListener(door, maxConns)); err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	return nil
}

// endpoint takes alerts of one format: 2xx when they are on the disk.
func (s *Server) endpoint(f format) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		src, receipts, err := s.serve(f, w, r)
		if err == nil {
			s.count(src, f.name, http.StatusOK, receipts...)
			accept(w, receipts)
			return
		}
		status, text := explain(err)
		if late := new(lateError); errors.As(err, &late) {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(late.after.Seconds())))))
		}
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer, Basic realm="alerts"`)
		}
		s.refused(src, f.name, r.RemoteAddr, status, text)
		refuse(w, status, text)
	})
}

func (s *Server) serve(f format, w http.ResponseWriter, r *http.Request) (*source, []workgroups.Receipt, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, nil, refusal(http.StatusMethodNotAllowed, "alerts are sent with POST, not %s", textsafe.Line(r.Method, 20))
	}
	src := s.byToken(token(r))
	if src == nil {
		return nil, nil, refusal(http.StatusUnauthorized, "no source has this token\nhint: send it as Authorization: Bearer TOKEN, as the password of basic authentication, or as ?token=TOKEN")
	}
	if wait := src.wait(s.cfg.Now()); wait > 0 {
		return src, nil, &lateError{wait, http.StatusTooManyRequests, fmt.Sprintf("%s sends too much: %v requests a second are allowed", src.Name, src.Rate)}
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return src, nil, refusal(http.StatusUnsupportedMediaType, "Content-Encoding %s is not understood", textsafe.Line(enc, 40))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		return src, nil, bodyError(err)
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // as programs of Windows write it
	reports, err := f.read(&request{http: r, body: body, source: &src.Source, now: s.cfg.Now()})
	if err != nil {
		return src, nil, err
	}
	if err := s.prepare(src, reports); err != nil {
		return src, nil, err
	}
	receipts, err := s.commit(r.Context(), reports)
	return src, receipts, err
}

func bodyError(err error) error {
	var large *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &large):
		return refusal(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", large.Limit)
	case errors.As(err, &timeout) && timeout.Timeout():
		return refusal(http.StatusRequestTimeout, "the body did not come within %s", bodyWait)
	}
	return refusal(http.StatusBadRequest, "the body cannot be read: %v", err)
}

// token is the secret that a request brings.
func token(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(rest)
	}
	return r.URL.Query().Get("token")
}

// An accepted body is answered with what became of each alert in it.
type accepted struct {
	Alerts []acceptedAlert `json:"alerts"`
}

type acceptedAlert struct {
	ID      int64              `json:"id,omitempty"`
	Outcome workgroups.Outcome `json:"outcome"`
}

func accept(w http.ResponseWriter, receipts []workgroups.Receipt) {
	answer := accepted{Alerts: make([]acceptedAlert, 0, len(receipts))}
	for _, r := range receipts {
		answer.Alerts = append(answer.Alerts, acceptedAlert{r.Alert.ID, r.Was})
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) // to whom it cannot be told, it need not be
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}
