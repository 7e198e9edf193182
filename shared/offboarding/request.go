package offboarding

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"time"
)

// Kind is what a request asks for.
type Kind string

// The kinds of request.
const (
	Termination  Kind = "termination"
	Cancellation Kind = "cancellation"
)

// Request is one normalised wish of the HR system or an operator.
type Request struct {
	ID        string    `json:"id"`
	Kind      Kind      `json:"kind"`
	Source    string    `json:"source"`    // which endpoint or operator it came by
	EventTime time.Time `json:"eventTime"` // when its sender says it happened: orders requests and cancellations
	// ReceivedAt is when Leaver learned of it. The grace never counts from before, so that a
	// departure reported late is not deleted at once.
	ReceivedAt time.Time `json:"receivedAt"`
	Employee   Employee  `json:"employee"`
	// LeavingTime is when the person must be out; where the sender named none, ReceivedAt. With a
	// LeavingDate and no Zone it is only the latest that it can be, until [Compile] knows the zone.
	LeavingTime time.Time `json:"leavingTime"`
	Options     Options   `json:"options"`

	// LeavingDate is the last day at work where the sender told a day, of which LeavingTime is the end;
	// Zone is the time zone that it ends in, by its name in the time zone database.
	LeavingDate Date   `json:"leavingDate,omitzero"`
	Zone        string `json:"zone,omitempty"`
	// EndOfEmployment is when the employment ends, where that is after LeavingTime: the mailbox and
	// the account stay until then.
	EndOfEmployment time.Time `json:"endOfEmployment,omitzero"`
	// Reversible says that its sender cannot know that the employment ended: only what can be taken
	// back is done without a person's word.
	Reversible bool `json:"reversible,omitempty"`
	// Person is the HR system's own id of the employee, where it can be asked again.
	Person string `json:"person,omitempty"`
	// By is the person who asked, of a request that a person made; a source is nobody.
	By Person `json:"by,omitzero"`
	// Digest is short for what the sender sent: the same id with another digest is another request.
	Digest string `json:"digest,omitempty"`
}

// Hint says that an HR system may have something to tell about somebody. It is no authority: the
// HR system is asked, and what it answers counts.
type Hint struct {
	ID     string `json:"id"`
	Source string `json:"source"` // name of the source
	// Person is the HR system's own id of the employee; empty = everybody who leaves.
	Person     string    `json:"person,omitempty"`
	Event      string    `json:"event"` // as the HR system names it, for the log
	ReceivedAt time.Time `json:"receivedAt"`
	// LeavingTime is set of the second look, right before the moment that was told last.
	LeavingTime time.Time `json:"leavingTime,omitzero"`
	Digest      string    `json:"digest,omitempty"` // as of a request
}

// Notice says of something proved that nothing can be done about it without a person.
type Notice struct {
	ID         string    `json:"id"` // as of a request
	Source     string    `json:"source"`
	ReceivedAt time.Time `json:"receivedAt"`
	Reason     string    `json:"reason"` // what to do about it; no personal data
}

// RequestID derives the id of a request from where it came from and the id its sender
// gave it, so that a repeated webhook is the same request.
func RequestID(source, webhookID string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + webhookID))
	return "req-" + hex.EncodeToString(sum[:12])
}

var requestIDs = regexp.MustCompile(`^req-[0-9a-f]{24}$`)

// IsRequestID reports whether an id is such as RequestID makes. Nothing else may name a request: the
// ledger keeps requests beside cases, under their ids.
func IsRequestID(id string) bool { return requestIDs.MatchString(id) }

// farOff is from when on a leaving time is not one, but a placeholder that HR systems have for
// "never" or "not known", such as 9999-12-31 and 1900-01-01.
const farOff = 10 * 365 * 24 * time.Hour

// Validate says what is wrong with a request before anything is looked up.
func (r Request) Validate() error {
	if !IsRequestID(r.ID) {
		return errors.New("the id of a request is req- and 24 hexadecimal digits")
	}
	if r.EventTime.IsZero() || r.ReceivedAt.IsZero() || r.LeavingTime.IsZero() {
		return errors.New("a request needs an event time, a time of receipt and a leaving time")
	}
	if r.Kind != Termination && r.Kind != Cancellation {
		return errors.New("a request is a termination or a cancellation")
	}
	if off := r.LeavingTime.Sub(r.ReceivedAt); r.Kind == Termination && off.Abs() > farOff {
		return errors.New("the leaving time is more than ten years off; leave it out for now, or send the day")
	}
	if field, _ := r.Employee.Key(); field == "" {
		return errors.New("the employee is not named: give id, userPrincipalName, mail or employeeId")
	}
	return nil
}
