package notices

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"leaver/shared/offboarding"
)

// Mailer sends mail as one mailbox.
type Mailer interface {
	// SendMail sends a message in plain text from the mailbox of an object id; id is the notice's.
	SendMail(ctx context.Context, from string, to []string, subject, text, id string) error
	// Address is the address of a person, by object id; empty where there is none.
	Address(ctx context.Context, id string) (string, error)
}

type mail struct {
	channel offboarding.Channel
	mailer  Mailer
}

// Send implements [Sender].
func (m mail) Send(ctx context.Context, a offboarding.Announcement) error {
	to := m.channel.To
	if m.channel.Audience == offboarding.AudienceManager {
		to = nil
		for _, id := range a.To {
			address, err := m.mailer.Address(ctx, id)
			if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
				return fmt.Errorf("channel %s: %w", m.channel.Name, err)
			}
			if address != "" {
				to = append(to, address)
			}
		}
		if len(to) == 0 {
			return offboarding.Permanent(fmt.Errorf("channel %s: whoever takes over has no mailbox", m.channel.Name))
		}
	}
	subject := a.Title
	if a.Who != "" {
		subject += ": " + a.Who
	}
	if err := m.mailer.SendMail(ctx, m.channel.From, to, subject, letter(a), a.ID); err != nil {
		return fmt.Errorf("channel %s: %w", m.channel.Name, err)
	}
	return nil
}

// letter is the text of the mail.
func letter(a offboarding.Announcement) string {
	paragraphs := said(a)
	for _, each := range a.Several {
		title := each.Title
		if each.Who != "" {
			title += ": " + each.Who
		}
		each.URL = "" // that of all of them is said once
		paragraphs = append(paragraphs, "- "+strings.Join(append([]string{title}, said(each)...), "\n  "))
	}
	return strings.Join(paragraphs, "\n\n") + "\n"
}

// request is by which people find what an announcement is about where it is about no departure.
func request(a offboarding.Announcement) string {
	if a.Case != "" {
		return ""
	}
	return a.Request
}

// said is what an announcement says, line by line.
func said(a offboarding.Announcement) (lines []string) {
	for _, line := range []struct{ name, value string }{
		{"", a.Text}, {"To go on, type: ", a.Type}, {"In the console: ", a.URL}, {"What it means and what to look at: ", help(a)},
		{"Case: ", a.Case}, {"Request: ", request(a)},
	} {
		if line.value != "" {
			lines = append(lines, line.name+line.value)
		}
	}
	return lines
}
