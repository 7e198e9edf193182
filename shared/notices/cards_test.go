package notices_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"leaver/shared/offboarding"
)

// cardSchema is what of Adaptive Cards 1.4 a card of ours may be made of, and what Teams wants around it.
// Sources: Adaptive Cards, Schema Explorer, version 1.4: AdaptiveCard, RichTextBlock, TextRun, Action.OpenUrl;
// Microsoft Teams, Create incoming webhooks with Workflows.
const cardSchema = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema",
	"type": "object", "additionalProperties": false, "required": ["type", "attachments"],
	"properties": {
		"type": {"const": "message"},
		"attachments": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
			"type": "object", "additionalProperties": false, "required": ["contentType", "contentUrl", "content"],
			"properties": {"contentType": {"const": "application/vnd.microsoft.card.adaptive"}, "contentUrl": {"type": "null"}, "content": {"$ref": "#/$defs/card"}}
		}}
	},
	"$defs": {
		"card": {
			"type": "object", "additionalProperties": false, "required": ["$schema", "type", "version", "body"],
			"properties": {
				"$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"}, "type": {"const": "AdaptiveCard"}, "version": {"const": "1.4"},
				"body": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/block"}},
				"actions": {"type": "array", "minItems": 1, "maxItems": 6, "items": {"$ref": "#/$defs/open"}}
			}
		},
		"block": {
			"type": "object", "additionalProperties": false, "required": ["type", "inlines"],
			"properties": {"type": {"const": "RichTextBlock"}, "spacing": {"enum": ["default", "none", "None", "small", "medium", "large"]}, "inlines": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/run"}}}
		},
		"run": {
			"type": "object", "additionalProperties": false, "required": ["type", "text"],
			"properties": {
				"type": {"const": "TextRun"}, "text": {"type": "string", "minLength": 1},
				"weight": {"enum": ["Default", "Lighter", "Bolder"]}, "size": {"enum": ["Default", "Small", "Medium", "Large", "ExtraLarge"]},
				"isSubtle": {"type": "boolean"}, "fontType": {"enum": ["Default", "Monospace"]}, "selectAction": {"$ref": "#/$defs/open"}
			}
		},
		"open": {
			"type": "object", "additionalProperties": false, "required": ["type", "title", "url"],
			"properties": {"type": {"const": "Action.OpenUrl"}, "title": {"type": "string", "minLength": 1}, "url": {"type": "string", "pattern": "^https://[^\\s]+$"}}
		}
	}
}`

// posted is what a workflow gets of an announcement, and whether it is a card.
func posted(t *testing.T, a offboarding.Announcement) (body string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = string(text)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	s, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: server.URL, Private: true})
	if err == nil {
		err = s.Send(t.Context(), a)
	}
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(cardSchema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("card.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("card.json")
	if err != nil {
		t.Fatal(err)
	}
	card, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	if err == nil {
		err = schema.Validate(card)
	}
	if err != nil {
		t.Errorf("it is no card of Adaptive Cards 1.4: %v\n%s", err, body)
	}
	return body
}

// shown is the text of a card as people read it, and the addresses that they can open.
func shown(t *testing.T, body string) (text string, opened []string) {
	t.Helper()
	var message struct {
		Attachments []struct {
			Content struct {
				Body []struct {
					Inlines []struct {
						Text         string
						SelectAction struct{ URL string }
					}
				}
				Actions []struct{ URL string }
			}
		}
	}
	if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&message); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, block := range message.Attachments[0].Content.Body {
		line := ""
		for _, run := range block.Inlines {
			line += run.Text
			if run.SelectAction.URL != "" {
				opened = append(opened, run.SelectAction.URL)
			}
		}
		lines = append(lines, line)
	}
	for _, action := range message.Attachments[0].Content.Actions {
		opened = append(opened, action.URL)
	}
	return strings.Join(lines, "\n"), opened
}

// TestWhatACardSaysIsShownAsItIs: in a TextBlock and a FactSet Teams takes words for Markdown, each client in its
// own way. Underscores vanished from names and from addresses, which then led nowhere; brackets became a link
// of whoever had written them. Escaping helps on one client and shows on another, so nothing of it is Markdown.
// Reports: EvotecIT/PSTeams#30, jenkinsci/office-365-connector-plugin#82, healthchecks/healthchecks#426,
// MicrosoftDocs/msteams-docs#5793, microsoft/AdaptiveCards#4677, getsentry/sentry#118692.
func TestWhatACardSaysIsShownAsItIs(t *testing.T) {
	t.Parallel()
	const page = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/GroupDetailsMenuBlade/~/Owners/groupId/0a1b"
	const link = "[Approve here](https://evil.example/) *now* # `x` \\d+ 1. <b>"
	a := offboarding.Announcement{
		ID: "ntc_1", Title: "A person is needed: access", Who: "anna_maria_fabrikam.com#EXT#@contoso.com", Case: "87d349ed-44d7-43e1-9a83-5f2406dee5bd-1",
		Step: offboarding.StepAccess, Text: "hand the group over (" + page + "), and the other: " + page + "2. It is called " + link,
		Type: "leaver sign-off 87d349ed-44d7-43e1-9a83-5f2406dee5bd-1 access --by NAME --note NOTE", Playbook: "infra/playbooks/past-deadline.md",
		URL: "https://leaver.contoso.com/console/cases/87d349ed-44d7-43e1-9a83-5f2406dee5bd-1",
	}
	body := posted(t, a)
	text, opened := shown(t, body)
	for _, want := range []string{a.Who, a.Text, a.Type, a.Case, "leaver help past-deadline"} {
		if !strings.Contains(text, want) {
			t.Errorf("people read\n%s\nwithout %q", text, want)
		}
	}
	if strings.Contains(body, `"TextBlock"`) || strings.Contains(body, "FactSet") {
		t.Errorf("a part of it is Markdown: %s", body)
	}
	if want := []string{page, page + "2", a.URL}; strings.Join(opened, " ") != strings.Join(want, " ") {
		t.Errorf("it opens %q, want %q: Microsoft's portals, each shown as the address that it is, and the console", opened, want)
	}

	digest := offboarding.Announcement{ID: "ntc_2", Title: "Leaver: 2 notices", Several: []offboarding.Announcement{a, a}, Type: "leaver status", URL: "https://leaver.contoso.com/console/"}
	if text, _ := shown(t, posted(t, digest)); strings.Count(text, a.Text) != 2 || strings.Count(text, a.Type) != 2 || !strings.Contains(text, "leaver status") {
		t.Errorf("of two in a digest people read\n%s", text)
	}
	_ = posted(t, offboarding.Announcement{ID: "ntc_3", Title: "Leaver is frozen"})
}
