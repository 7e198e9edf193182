package notices

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
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
//
// What the words come from is not ours alone: names of people and of groups, and addresses of portals, are
// full of underscores. So they stand in text runs, which Teams shows as they are; a TextBlock and a FactSet
// are Markdown, which makes italics of them, or a link of what somebody else has written.
// Source: Adaptive Cards 1.4, TextRun; Microsoft Teams, Format cards.
func card(a offboarding.Announcement, shown int) object {
	var body []object
	line := func(first bool, runs ...object) {
		block := object{"type": "RichTextBlock", "inlines": runs}
		if !first {
			block["spacing"] = "None"
		}
		body = append(body, block)
	}
	line(true, run(a.Title, object{"weight": "Bolder", "size": "Medium"}))
	for _, fact := range []struct{ name, value string }{
		{"Who", a.Who}, {"Case", a.Case}, {"Request", request(a)}, {"Step", string(a.Step)}, {"Rule", a.Rule.Name},
	} {
		if fact.value != "" {
			line(false, run(fact.name+": ", object{"isSubtle": true}), run(fact.value, nil))
		}
	}
	if a.Text != "" {
		line(true, linked(a.Text)...)
	}
	for _, each := range a.Several[:shown] {
		title := each.Title
		if each.Who != "" {
			title += ": " + each.Who
		}
		line(true, run(title, object{"weight": "Bolder"}))
		if each.Text != "" {
			line(false, linked(each.Text)...)
		}
		if each.Type != "" {
			line(false, run(each.Type, object{"fontType": "Monospace"}))
		}
	}
	if left := len(a.Several) - shown; left > 0 {
		line(true, run(fmt.Sprintf("and %d more", left), nil))
	}
	if a.Type != "" {
		line(true, run(a.Type, object{"fontType": "Monospace"}))
	}
	if page := help(a); page != "" {
		line(true, run("What it means and what to look at: "+page, object{"isSubtle": true}))
	}
	content := object{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body}
	if a.URL != "" {
		content["actions"] = []object{opens(a.URL, "Open the console")}
	}
	return object{"type": "message", "attachments": []object{{
		"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": content,
	}}}
}

func run(text string, more object) object {
	r := object{"type": "TextRun", "text": text}
	maps.Copy(r, more)
	return r
}

func opens(to, title string) object {
	return object{"type": "Action.OpenUrl", "title": title, "url": to}
}

// linked is a text whose pages of Microsoft's portals can be opened.
func linked(text string) (runs []object) {
	for _, r := range offboarding.Linked(text) {
		if r.URL == "" {
			runs = append(runs, run(r.Text, nil))
			continue
		}
		runs = append(runs, run(r.Text, object{"selectAction": opens(r.URL, r.Text)}))
	}
	return runs
}
