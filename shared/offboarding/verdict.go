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

// ErrNotOffered is wrapped when the cloud lacks an operation, as national clouds lack some.
var ErrNotOffered = errors.New("this cloud does not offer it")

// ErrCancelled is wrapped when the case was cancelled: nothing more may be written for it.
var ErrCancelled = errors.New("the case is cancelled")

// ErrTaken is wrapped when another run of the installation does what only one may do at a time.
var ErrTaken = errors.New("another run of the installation is at it")

// ErrRehearsed is what the write guard of a rehearsal answers: the step would write now, and may not.
var ErrRehearsed = errors.New("a rehearsal writes nothing")

// VerdictKind is what a verdict says.
type VerdictKind int

// The kinds of verdict, in the order in which [Join] prefers them: what can still change by itself
// comes last, so that no part of a step is given up because another one was.
const (
	KindEffective VerdictKind = iota // observed as wanted
	KindRehearsed                    // would write now, and a rehearsal may not
	KindWithheld                     // a rule forbids it
	KindManual                       // a person must act
	KindPermanent                    // no retry can help
	KindPlanned                      // as wanted so far, and the plan goes on later
	KindNotYet                       // requested and not yet observed, or waiting for another step
	KindTransient                    // an error that may pass
	KindCancelled                    // the case was cancelled meanwhile
)

// Verdict is how a run of a step ended. A step returns it as an error, made by one of the
// constructors below; [VerdictOf] reads it. Why ends up in front of an operator and holds no
// personal data.
type Verdict struct {
	Kind VerdictKind
	Rule Rule          // that withholds
	Why  string        // what is waited for, forbidden or to be done
	In   time.Duration // of not yet, and of a transient error whose sender said when to come back
	At   time.Time     // of a planned wait: when the plan goes on
	// Observed says of a manual verdict or a planned wait that the step's own effect was observed, so
	// that no other step waits.
	Observed bool
	Err      error // what was returned; nil when effective
}

// VerdictOf reads what a step returned: nil is effective, and an error that is no verdict is a
// transient one.
func VerdictOf(err error) Verdict {
	var (
		verdict   *VerdictError
		permanent *PermanentError
		throttled *ThrottledError
	)
	switch {
	case err == nil:
		return Verdict{Kind: KindEffective}
	case errors.Is(err, ErrCancelled):
		return Verdict{Kind: KindCancelled, Why: "the departure was cancelled", Err: err}
	case errors.Is(err, ErrRehearsed):
		return Verdict{Kind: KindRehearsed, Why: err.Error(), Err: err}
	case errors.As(err, &verdict):
		v := verdict.Verdict
		v.Err = err
		return v
	case errors.As(err, &permanent):
		return Verdict{Kind: KindPermanent, Why: err.Error(), Err: err}
	case errors.As(err, &throttled):
		return Verdict{Kind: KindTransient, Why: err.Error(), In: throttled.Delay, Err: err}
	}
	return Verdict{Kind: KindTransient, Why: err.Error(), Err: err}
}

// Would is what a rehearsed run would write first.
func (v Verdict) Would() string { return strings.TrimSuffix(v.Why, ": "+ErrRehearsed.Error()) }

// VerdictError is a verdict that a step decided, as the error that it returns.
type VerdictError struct{ Verdict Verdict }

func (e *VerdictError) Error() string {
	switch v := e.Verdict; v.Kind {
	case KindWithheld:
		return fmt.Sprintf("withheld by %s: %s", v.Rule, v.Why)
	case KindManual:
		return "a person must act: " + v.Why
	default:
		return "not yet: " + e.Verdict.Why
	}
}

// After is the verdict "not yet, look again in d": the effect was requested and is not observed,
// or another step has to end first. The worker schedules the step anew and spends no attempt; past
// the step's deadline the wait becomes a manual task. Return it instead of nil whenever the world
// does not show yet what was asked of it. [Job.NotYet] chooses d itself; use After where d is
// known better.
func After(d time.Duration, why string) error {
	return &VerdictError{Verdict{Kind: KindNotYet, In: d, Why: why}}
}

// ContinueAt is the verdict "as wanted so far, and the plan goes on at t". The worker schedules the
// step for then and spends no attempt, and no deadline runs in the meantime. Return it for a wait
// that the plan or the policy asks for, such as the end of a forwarding, never for a delay.
func ContinueAt(t time.Time, why string) error {
	return &VerdictError{Verdict{Kind: KindPlanned, At: t, Why: why}}
}

// DoneUntil is the verdict "as wanted and observed so, and the plan goes on at t": [ContinueAt], and
// no other step waits in the meantime. Return it when what is still to come is not what the steps
// that need this one need it for.
func DoneUntil(t time.Time, why string) error {
	return &VerdictError{Verdict{Kind: KindPlanned, At: t, Why: why, Observed: true}}
}

// Withheld is the verdict "a rule forbids it". The step is settled, and its case may complete
// without it; a person may remove the cause and replay, or sign off. Return it when going on could
// lose somebody's data, with what would have to change.
func Withheld(rule Rule, why string) error {
	return &VerdictError{Verdict{Kind: KindWithheld, Rule: rule, Why: why}}
}

// Manual is the verdict "a person must do this": task says what, where, and whether to replay or to
// sign off then. The step is settled and keeps its case open, and steps that need it wait. Return it
// for what no application may or can do.
func Manual(task string) error { return &VerdictError{Verdict{Kind: KindManual, Why: task}} }

// DoneWithTask is the verdict "as wanted and observed so, and a person has something to do". As with
// [Manual] the case stays open for them, but no other step waits. Return it when the task is not
// part of the step's own effect.
func DoneWithTask(task string) error {
	return &VerdictError{Verdict{Kind: KindManual, Why: task, Observed: true}}
}

// PermanentError is an error that no retry can help.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// Permanent is the verdict "no retry can help". The worker parks the step: it dead-letters the
// message with the reason, and a person removes the cause and replays. Adapters return it for
// refusals (a missing permission, a bad request); a step returns it for what only an administrator
// of Leaver can mend.
func Permanent(err error) error { return &PermanentError{Err: err} }

// IsPermanent reports whether no retry can help an error: the vendor refused.
func IsPermanent(err error) bool {
	var permanent *PermanentError
	return errors.As(err, &permanent)
}

// ThrottledError is a transient error whose sender said when to come back.
type ThrottledError struct {
	Delay time.Duration
	Err   error
}

func (e *ThrottledError) Error() string { return e.Err.Error() }
func (e *ThrottledError) Unwrap() error { return e.Err }

// Throttled marks a transient error with the delay its sender asked for (Retry-After). The worker
// tries again after it, without a long back-off of its own. Adapters return it.
func Throttled(d time.Duration, err error) error { return &ThrottledError{Delay: d, Err: err} }

// IsThrottled reports whether the sender of an error said when to come back.
func IsThrottled(err error) bool {
	var throttled *ThrottledError
	return errors.As(err, &throttled)
}

// Join joins the verdicts of independent parts of one step, each of which has been tried, into the
// one that the worker acts on: that of the last kind in the order of [VerdictKind]. The reasons of
// all parts are kept. In a rehearsal, parts that would only write say what only among themselves.
func Join(verdicts ...error) error {
	var worst Verdict
	var parts []Verdict
	var writes []string
	for _, err := range verdicts {
		v := VerdictOf(err)
		if v.Kind > KindRehearsed {
			parts = append(parts, v)
		}
		if v.Kind == KindRehearsed {
			writes = append(writes, v.Would())
		}
		if v.Kind > worst.Kind {
			worst = v
		}
	}
	if worst.Kind == KindRehearsed {
		return fmt.Errorf("%s: %w", strings.Join(slices.Compact(writes), "; "), ErrRehearsed)
	}
	if len(parts) < 2 {
		return worst.Err
	}
	why := reasons(parts, worst)
	switch {
	case worst.Kind == KindPermanent:
		return Permanent(errors.New(why))
	case IsThrottled(worst.Err):
		return Throttled(worst.In, errors.New(why))
	case worst.Kind == KindTransient, worst.Kind == KindCancelled:
		others := slices.DeleteFunc(parts, func(v Verdict) bool { return v.Err == worst.Err }) //nolint:errorlint // that very error, not one like it
		return fmt.Errorf("%w; %s", worst.Err, reasons(others, worst))
	}
	joined := worst
	joined.Why, joined.Err, joined.Observed = why, nil, false
	return &VerdictError{joined}
}

// reasons are those of all parts. A part needs no "not yet", "a person must act" or rule of its own
// where the whole verdict says the same.
func reasons(parts []Verdict, whole Verdict) string {
	waits := func(v Verdict) bool { return v.Kind == KindPlanned || v.Kind == KindNotYet }
	var out []string
	for _, v := range parts {
		if v.Kind == whole.Kind && v.Rule == whole.Rule || waits(v) && waits(whole) {
			out = append(out, v.Why)
		} else {
			out = append(out, v.Err.Error())
		}
	}
	return strings.Join(out, "; ")
}
