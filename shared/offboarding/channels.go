package offboarding

import (
	"slices"
	"strings"
	"time"
)

// Channel is a way to people, and who they are. Secrets are not in the policy: a channel says where
// they are.
type Channel struct {
	Name     string      `yaml:"name" pattern:"^[a-z][a-z0-9-]{0,30}$" about:"a name of its own, lower case"`
	Kind     ChannelKind `yaml:"kind" enum:"webhook,teams,mail" about:"webhook is an outgoing Standard Webhook, teams a workflow that posts Adaptive Cards, mail is sent from one mailbox"`
	Audience Audience    `yaml:"audience" enum:"hr,it,manager" about:"hr hears what happened, without technical reasons; it hears what is to be done and what to type; manager is whoever takes over mail or files, by mail alone"`
	Events   []EventName `yaml:"events" enum:"held,locked_out,needs_person,parked,withheld,deadline,handed_over,complete,cancelled,undone,refused,frozen" about:"what it is told of; without it what the audience usually hears"`
	URL      string      `yaml:"url" about:"where a webhook or a workflow is: env:NAME, file:PATH, an ARN of Secrets Manager, or of a webhook the address itself; that of a workflow is a secret"`
	Secret   string      `yaml:"secret" about:"of a webhook, whsec_…: env:NAME, file:PATH or an ARN"`
	From     string      `yaml:"from" pattern:"^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$" about:"object id of the mailbox that sends mail; notify may send as that one alone"`
	To       []string    `yaml:"to" pattern:"^[^@\\s]+@[^@\\s]+$" about:"addresses that get the mail"`
	Private  bool        `yaml:"private" about:"whether the address may be one of a private network"`
	Digest   int         `yaml:"digest" about:"how many notices may come at once; more become one; 0 = 10"`
}

// ChannelKind is how a channel is spoken to.
type ChannelKind string

// The kinds of channel.
const (
	ChannelWebhook ChannelKind = "webhook"
	ChannelTeams   ChannelKind = "teams"
	ChannelMail    ChannelKind = "mail"
)

// Audience is who listens to a channel.
type Audience string

// The audiences.
const (
	AudienceHR      Audience = "hr"
	AudienceIT      Audience = "it"
	AudienceManager Audience = "manager"
)

// EventName is what a channel is told of.
type EventName string

// The events.
const (
	EventHeld        EventName = "held"         // the departure, or a step, waits for people
	EventLockedOut   EventName = "locked_out"   // read back
	EventNeedsPerson EventName = "needs_person" // a step is a task
	EventParked      EventName = "parked"       // a step, or a request, was given up
	EventWithheld    EventName = "withheld"     // a rule forbids a step
	EventDeadline    EventName = "deadline"     // a wait ends soon
	EventHandedOver  EventName = "handed_over"  // mail and files are with whoever takes over
	EventComplete    EventName = "complete"
	EventCancelled   EventName = "cancelled"
	EventUndone      EventName = "undone"  // the whole departure was taken back
	EventRefused     EventName = "refused" // a verified webhook cannot be used
	EventFrozen      EventName = "frozen"  // the installation
)

// usual is what an audience hears unless its channel says otherwise.
var usual = map[Audience][]EventName{
	AudienceHR:      {EventLockedOut, EventComplete, EventCancelled, EventUndone},
	AudienceIT:      {EventHeld, EventNeedsPerson, EventParked, EventDeadline, EventRefused, EventFrozen},
	AudienceManager: {EventHandedOver},
}

// Hears reports whether the channel is told of an event.
func (c Channel) Hears(e EventName) bool {
	if len(c.Events) > 0 {
		return slices.Contains(c.Events, e)
	}
	return slices.Contains(usual[c.Audience], e)
}

// usualDigest is how many notices come one by one unless the channel says otherwise.
const usualDigest = 10

// Most is how many notices may come at once.
func (c Channel) Most() int {
	if c.Digest > 0 {
		return c.Digest
	}
	return usualDigest
}

// validate says what is wrong with a channel, and where.
func (c Channel) validate() error {
	switch {
	case c.Name == "":
		return policyErrorf("name", "every channel needs a name of its own")
	case c.Kind != ChannelMail && c.URL == "":
		return policyErrorf("url", "where is it? env:NAME, file:PATH or an ARN")
	case c.Kind == ChannelTeams && strings.Contains(c.URL, "://"):
		return policyErrorf("url", "the address of a workflow is a secret: write where it is, env:NAME, file:PATH or an ARN")
	case c.Kind == ChannelWebhook && c.Secret == "":
		return policyErrorf("secret", "a webhook is signed: write where its secret is, env:NAME, file:PATH or an ARN")
	case strings.HasPrefix(c.Secret, "whsec_"):
		return policyErrorf("secret", "no secret stands in a policy: write where it is, env:NAME, file:PATH or an ARN")
	case c.Kind == ChannelMail && c.From == "":
		return policyErrorf("from", "the object id of the mailbox that sends")
	case c.Kind == ChannelMail && c.Audience != AudienceManager && len(c.To) == 0:
		return policyErrorf("to", "at least one address")
	case c.Kind != ChannelMail && c.Audience == AudienceManager:
		return policyErrorf("audience", "whoever takes over is told by mail")
	case c.Audience == AudienceManager && slices.ContainsFunc(c.Events, func(e EventName) bool { return e != EventHandedOver }):
		return policyErrorf("events", "whoever takes over is told of handed_over alone: only then is it known who they are")
	}
	return nil
}

// ConsolePage is the page of the console about a departure, or about a request that found none, where the
// console is at that address; empty without one.
func ConsolePage(console, caseID, request string) string {
	switch {
	case console == "":
		return ""
	case caseID != "":
		return console + "/console/cases/" + caseID
	case request != "":
		return console + "/console/requests/" + request
	}
	return console + "/console/"
}

// Announcement is one notice as a channel gets it.
type Announcement struct {
	ID    string // the same at every try, and on every channel
	Event EventName
	At    time.Time
	// Case, Request and Leaver (an object id) say what it is about; empty where it is about none.
	Case, Request, Leaver string
	// Who names the leaver, for people; it goes into no webhook.
	Who   string
	Step  StepName
	State StepState
	Rule  Rule
	// Title and Text are for people; Type is the command that goes on, Playbook its page.
	Title, Text, Type, Playbook string
	// URL is the page of the console about it; empty where there is no console.
	URL string
	// To are the object ids of whom it is for, where the channel does not say.
	To []string
	// Several are those that a digest stands for.
	Several []Announcement
}
