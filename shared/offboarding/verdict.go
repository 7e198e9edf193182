package offboarding

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrNotFound is wrapped by adapters when the tenant says that an object is not there.
var ErrNotFound = errors.New("not found")

// ErrCancelled is wrapped when the case was cancelled: nothing more may be written for it.
var ErrCancelled = errors.New("the case is cancelled")

// ErrRehearsed is what the write guard of a rehearsal answers: the step would write now, and may not.
var ErrRehearsed = errors.New("a rehearsal writes nothing")

// NotYet is the verdict of a step whose effect is requested but not yet observed, or
// that waits for another step. It spends no attempt.
type NotYet struct {
	Delay time.Duration
	Why   string
	// Planned is set when the wait is part of the plan and not a delay: the step's deadline
	// does not run in it.
	Planned bool
}

func (e *NotYet) Error() string { return "not yet: " + e.Why }

// After is the verdict "not yet, look again in d". Why ends up in front of an operator
// and holds no personal data.
func After(d time.Duration, why string) error { return &NotYet{Delay: d, Why: why} }

// Until is the verdict "as wanted so far, and the plan goes on in d": a planned wait, which no
// deadline bounds.
func Until(d time.Duration, why string) error { return &NotYet{Delay: d, Why: why, Planned: true} }

// WithheldError is the verdict of a step that a rule forbids.
type WithheldError struct {
	Rule Rule
	Why  string
}

func (e *WithheldError) Error() string { return fmt.Sprintf("withheld by %s: %s", e.Rule, e.Why) }

// Withheld is the verdict "a rule forbids it".
func Withheld(rule Rule, why string) error { return &WithheldError{Rule: rule, Why: why} }

// ManualTask is the verdict of a step that a person must finish.
type ManualTask struct {
	Task string
	// Observed is set when the step's own effect was observed, so that no other step waits for
	// the person.
	Observed bool
}

func (e *ManualTask) Error() string { return "a person must act: " + e.Task }

// Manual is the verdict "a person must do this": task says what, and where.
func Manual(task string) error { return &ManualTask{Task: task} }

// DoneWithTask is the verdict "as wanted and observed so, and a person has something to do that no
// other step waits for".
func DoneWithTask(task string) error { return &ManualTask{Task: task, Observed: true} }

// PermanentError is the verdict of a step that no retry can help.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent is the verdict "park it": a person has to remove the cause and replay.
func Permanent(err error) error { return &PermanentError{Err: err} }

// ThrottledError is a transient error whose sender said when to come back.
type ThrottledError struct {
	Delay time.Duration
	Err   error
}

func (e *ThrottledError) Error() string { return e.Err.Error() }
func (e *ThrottledError) Unwrap() error { return e.Err }

// Throttled marks a transient error with the delay its sender asked for (Retry-After).
func Throttled(d time.Duration, err error) error { return &ThrottledError{Delay: d, Err: err} }

// Join joins the verdicts of independent parts of one step into the one the worker acts
// on. Every part has been tried; what can still change by itself comes first, so that no
// part is given up because another one was: a transient error before not yet, that before a
// planned wait, that before permanent, manual and withheld. The reasons of all parts are kept. In a rehearsal, parts that
// would only write say nothing.
func Join(verdicts ...error) error {
	var worst, rehearsed error
	var parts []error
	for _, v := range verdicts {
		if errors.Is(v, ErrRehearsed) {
			rehearsed = v
		}
		if v == nil || rehearsed == v {
			continue
		}
		parts = append(parts, v)
		if worst == nil || weight(v) > weight(worst) {
			worst = v
		}
	}
	if worst == nil {
		return rehearsed
	}
	if len(parts) < 2 {
		return worst
	}
	why := reasons(parts, worst)
	var (
		notYet    *NotYet
		permanent *PermanentError
		manual    *ManualTask
		withheld  *WithheldError
		throttled *ThrottledError
	)
	switch {
	case errors.As(worst, &permanent):
		return Permanent(errors.New(why))
	case errors.As(worst, &notYet):
		return &NotYet{Delay: notYet.Delay, Why: why, Planned: notYet.Planned}
	case errors.As(worst, &manual):
		return Manual(why)
	case errors.As(worst, &withheld):
		return Withheld(withheld.Rule, why)
	case errors.As(worst, &throttled):
		return Throttled(throttled.Delay, errors.New(why))
	}
	others := slices.DeleteFunc(parts, func(v error) bool { return v == worst })
	return fmt.Errorf("%w; %s", worst, reasons(others, worst))
}

// reasons are those of all parts. What is waited for or to be done needs no "not yet" or "a person
// must act" where the whole verdict says that.
func reasons(parts []error, worst error) string {
	var out []string
	for _, v := range parts {
		var (
			notYet, wait *NotYet
			manual, task *ManualTask
		)
		switch {
		case errors.As(worst, &wait) && errors.As(v, &notYet):
			out = append(out, notYet.Why)
		case errors.As(worst, &task) && errors.As(v, &manual):
			out = append(out, manual.Task)
		default:
			out = append(out, v.Error())
		}
	}
	return strings.Join(out, "; ")
}

func weight(v error) int {
	var (
		notYet    *NotYet
		permanent *PermanentError
		manual    *ManualTask
		withheld  *WithheldError
	)
	switch {
	case errors.Is(v, ErrCancelled):
		return 7
	case errors.As(v, &withheld):
		return 1
	case errors.As(v, &manual):
		return 2
	case errors.As(v, &permanent):
		return 3
	case errors.As(v, &notYet) && notYet.Planned:
		return 4
	case errors.As(v, &notYet):
		return 5
	}
	return 6
}
