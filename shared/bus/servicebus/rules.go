package servicebus

import "leaver/shared/bus"

// Rule is a correlation rule of a subscription: it takes the messages whose field is exactly
// that. The other field is not looked at.
type Rule struct {
	Label string // the subject
	To    string // of a message for this subscription only, see Bus.Resubmit
}

// Rules are what a subscription of the topic must have, and all it may have; a queue takes
// everything and has none.
func Rules(s bus.Subscription) []Rule {
	if s.OfQueue() {
		return nil
	}
	rules := []Rule{{To: s.Name}}
	for _, subject := range s.Subjects {
		rules = append(rules, Rule{Label: subject})
	}
	return rules
}
