package intake

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"
)

// minToken is the least length of a token: shorter ones can be guessed.
const minToken = 16

// A source is a [Source] at work.
type source struct {
	Source
	sum   [sha256.Size]byte // of the token
	limit *rate.Limiter
}

func newSource(src Source) (*source, error) {
	switch {
	case src.Name == "" || src.Workgroup == "":
		return nil, fmt.Errorf("intake: source %q needs a name and a workgroup", src.Name)
	case src.Token == "" && src.Mail == "":
		return nil, fmt.Errorf("intake: source %s needs a token or a mail address", src.Name)
	case src.Token != "" && len(src.Token) < minToken:
		return nil, fmt.Errorf("intake: the token of source %s has %d characters, it needs %d\nhint: openssl rand -hex 32", src.Name, len(src.Token), minToken)
	case src.Rate < 0 || math.IsNaN(src.Rate) || math.IsInf(src.Rate, 0):
		return nil, fmt.Errorf("intake: the rate of source %s is %v", src.Name, src.Rate)
	case src.Rate == 0:
		src.Rate = DefaultRate
	}
	return &source{
		Source: src, sum: sha256.Sum256([]byte(src.Token)),
		limit: rate.NewLimiter(rate.Limit(src.Rate), max(1, int(2*src.Rate))),
	}, nil
}

// wait is how long the source must wait before it may send the next; 0: not at
// all.
func (src *source) wait(now time.Time) time.Duration {
	r := src.limit.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

// byToken finds the source that a token belongs to, in a time that does not
// depend on how much of it is right.
func (s *Server) byToken(token string) *source {
	if token == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(token))
	var found *source
	for _, src := range s.sources {
		if subtle.ConstantTimeCompare(sum[:], src.sum[:]) == 1 && src.Token != "" {
			found = src
		}
	}
	return found
}
