package offboarding

import (
	"fmt"
	"slices"
)

// Requests is what the options of a request may do to the policy.
type Requests string

// What options may do.
const (
	RequestsKeep Requests = "keep" // only keep more
	RequestsAny  Requests = "any"
)

// Successors is who may be named to succeed a leaver.
type Successors string

// Who may be named.
const (
	SuccessorsChain   Successors = "chain" // the managers of the leaver, up to the top
	SuccessorsMembers Successors = "members"
)

// keeps are the handlings of a mailbox, from what keeps least to what keeps most.
var keeps = []Handling{None, Forward, Shared, Hold}

// Weaker says what of the options keeps less than the policy for this leaver does; empty when nothing
// does. A request may only ask for more to be kept: whoever can send one could otherwise have deleted
// what the organisation wants to keep.
func (o Options) Weaker(p Policy) string {
	if p.Requests == RequestsAny {
		return ""
	}
	if o.Mailbox != "" && slices.Index(keeps, o.Mailbox) < slices.Index(keeps, p.Mailbox) {
		return fmt.Sprintf("mailbox %s keeps less than the policy's %s", o.Mailbox, p.Mailbox)
	}
	if o.ForwardFor == nil || p.Mailbox != Forward {
		return ""
	}
	lasts := p.Grace // without forwardFor mail is forwarded until the grace ends
	if p.ForwardFor != nil {
		lasts = *p.ForwardFor
	}
	if *o.ForwardFor < lasts {
		return fmt.Sprintf("forwardFor %s is less than the policy's %s", FormatDuration(*o.ForwardFor), FormatDuration(lasts))
	}
	return ""
}
