package intake

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"adminbot/workgroups"
)

// A refusalError says why something was not taken in, and that sending the same
// again would not help.
type refusalError struct {
	status int // of HTTP
	text   string
}

// Error returns the reason.
func (e *refusalError) Error() string { return "intake: " + e.text }

func refusal(status int, format string, args ...any) error {
	return &refusalError{status, fmt.Sprintf(format, args...)}
}

// malformed says what is wrong with a body.
func malformed(format string, args ...any) error {
	return refusal(http.StatusBadRequest, format, args...)
}

// A lateError says that the same may be sent again later.
type lateError struct {
	after  time.Duration
	status int
	text   string
}

// Error returns the reason.
func (e *lateError) Error() string { return "intake: " + e.text }

// at says which alert of a body an error is about.
func at(i, of int, err error) error {
	_, text := explain(err)
	if of == 1 {
		return malformed("%s", text)
	}
	return malformed("alerts[%d]: %s", i, text)
}

// retryAfter is when somebody may try again whose alerts could not be stored.
const retryAfter = 5 * time.Second

// stored turns an error of the service into one for the sender.
func stored(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*workgroups.InvalidError)):
		return malformed("%s", strings.TrimPrefix(err.Error(), "workgroups: "))
	case errors.Is(err, workgroups.ErrStorage):
		return &lateError{retryAfter, http.StatusServiceUnavailable, "the alerts cannot be stored now; nothing was taken in"}
	case errors.Is(err, workgroups.ErrBusy):
		return &lateError{retryAfter, http.StatusServiceUnavailable, "too much is waiting; nothing was taken in"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &lateError{retryAfter, http.StatusServiceUnavailable, "the store is slow; send the same again"}
	}
	return &lateError{retryAfter, http.StatusServiceUnavailable, "the alerts cannot be taken in now"}
}

// explain is an error as HTTP tells it.
func explain(err error) (status int, text string) {
	var no *refusalError
	var late *lateError
	var invalid *workgroups.InvalidError
	switch {
	case errors.As(err, &no):
		return no.status, no.text
	case errors.As(err, &late):
		return late.status, late.text
	case errors.As(err, &invalid):
		return http.StatusBadRequest, invalid.Text
	}
	return http.StatusInternalServerError, err.Error()
}
