package notices

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"leaver/shared/offboarding"
)

// teams is a workflow that posts an Adaptive Card to a channel or a chat. That it answers 202 says that
// the workflow has begun, and not that the card was posted: what Microsoft gives no way to read back is
// not claimed.
// Source: Microsoft Teams, Create incoming webhooks with Workflows; Adaptive Cards 1.4.
type teams struct{ post }

// biggestCard is what Teams takes, as it counts. Source: Microsoft Teams, limits of incoming webhooks: 28 KB.
const biggestCard = 28 << 10

// counted is how large Teams takes a body to be: the workflow hands the card on as a text within JSON, where
// every quotation mark and every backslash has another backslash before it. 24,453 bytes were 28,897 so.
// Source: MicrosoftDocs/msteams-docs, issue 11274.
func counted(body []byte) int {
	return len(body) + bytes.Count(body, []byte{'"'}) + bytes.Count(body, []byte{'\\'})
}

type object = map[string]any

// Send implements [Sender].
func (t teams) Send(ctx context.Context, a offboarding.Announcement) error {
	body, err := json.Marshal(card(a, len(a.Several)))
	for shown := len(a.Several); err == nil && counted(body) > biggestCard && shown > 0; { // the most recent are left out
		shown /= 2
		body, err = json.Marshal(card(a, shown))
	}
	if err == nil && counted(body) > biggestCard {
		a.Text = string([]rune(a.Text)[:min(len([]rune(a.Text)), biggestCard/8)]) + "…"
		body, err = json.Marshal(card(a, 0))
	}
	if err != nil {
		return offboarding.Permanent(err)
	}
	return t.send(ctx, body, http.Header{})
}

// card is the announcement with the first of those that it stands for. Without attachments the workflow
// would answer 202 and fail.
func card(a offboarding.Announcement, shown int) object {
	body := []object{{"type": "TextBlock", "text": a.Title, "weight": "Bolder", "size": "Medium", "wrap": true}}
	text := func(s string, more object) {
		if s == "" {
			return
		}
		block := object{"type": "TextBlock", "text": s, "wrap": true}
		for k, v := range more {
			block[k] = v
		}
		body = append(body, block)
	}
	facts := []object{}
	fact := func(title, value string) {
		if value != "" {
			facts = append(facts, object{"title": title, "value": value})
		}
	}
	fact("Who", a.Who)
	fact("Case", a.Case)
	fact("Request", a.Request)
	fact("Step", string(a.Step))
	fact("Rule", a.Rule.Name)
	if len(facts) > 0 {
		body = append(body, object{"type": "FactSet", "facts": facts})
	}
	text(a.Text, nil)
	text(a.Type, object{"fontType": "Monospace"})
	text(a.Playbook, object{"isSubtle": true})
	for _, each := range a.Several[:shown] {
		text(each.Title+" "+each.Who+" "+each.Case, object{"spacing": "None"})
	}
	if left := len(a.Several) - shown; left > 0 {
		text(fmt.Sprintf("and %d more: leaver status", left), nil)
	}
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil,
		"content": object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body},
	}}}
}
