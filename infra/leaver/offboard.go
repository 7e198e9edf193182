package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

type offboardCommand struct{ requestFlags }

// Help implements kong.HelpProvider.
func (*offboardCommand) Help() string {
	return `The request is planned as one of the HR system is: leaver plan shows beforehand what becomes of it. Asked again for somebody who is leaving already, it changes the open case.

  leaver offboard adele.vance@contoso.com
  leaver offboard E0001 --at 2026-11-30T17:00:00+01:00 --mailbox shared
  leaver offboard mail:adele.vance@contoso.com --forward-to alex.wilber@contoso.com --forward-for 2160h`
}

// Run sends the request to the running host and prints its id, as JSON unless on a terminal.
func (c *offboardCommand) Run(env environment) error {
	host, err := dialOperator(c.Data)
	if err != nil {
		return err
	}
	answer, err := host.call(env, http.MethodPost, "/requests", c.request())
	if err != nil {
		return err
	}
	if _, onTerminal := terminalWidth(env.stdout); onTerminal {
		var sent struct{ Request string }
		if err := json.Unmarshal(answer, &sent); err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "sent; what becomes of it: leaver status %s%s\n", sent.Request, dataFlag(env, c.Data))
		return err
	}
	_, err = env.stdout.Write(answer)
	return err
}

// requestFlags say whom to offboard, and how.
type requestFlags struct {
	Who        string       `arg:"" help:"Object id, userPrincipalName, mail:ADDRESS or employee id."`
	At         timeFlag     `placeholder:"TIME" help:"Leaving time, like 2026-11-22T17:00:00+01:00; now without it."`
	Mailbox    string       `enum:"forward,shared,hold,none," default:"" placeholder:"HANDLING" help:"forward, shared, hold or none; the policy's without it."`
	ForwardTo  string       `placeholder:"ADDRESS" help:"Who gets the mail; the manager without it."`
	ForwardFor durationFlag `placeholder:"DURATION" help:"How long, like 30d or 12h, or unlimited; until the grace ends without it."`
	Data       string       `default:"${data}" help:"Data directory of the running host."`
}

// timeFlag is a time on the command line.
type timeFlag struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *timeFlag) UnmarshalText(text []byte) (err error) {
	if f.Time, err = time.Parse(time.RFC3339, string(text)); err != nil {
		return fmt.Errorf("%q is not a time with its zone, like 2026-11-22T17:00:00+01:00 or 2026-11-22T16:00:00Z", text)
	}
	return nil
}

// durationFlag is a duration on the command line, or unlimited; nil without one.
type durationFlag struct{ *time.Duration }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *durationFlag) UnmarshalText(text []byte) error {
	lasting, err := offboarding.ParseDuration(string(text))
	f.Duration = &lasting
	return err
}

// Validate refuses a name that is none.
func (f requestFlags) Validate() error { return said("who leaves", f.Who) }

// said is an error when a text that has to be there is blank.
func said(what, text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("%s: it is blank", what)
	}
	return nil
}

func (f requestFlags) request() offboarding.Request {
	return offboarding.Request{
		Kind: offboarding.Termination, Employee: employee(f.Who), LeavingTime: f.At.Time,
		Options: offboarding.Options{Mailbox: offboarding.Handling(f.Mailbox), ForwardTo: f.ForwardTo, ForwardFor: f.ForwardFor.Duration},
	}
}

// employee reads how an operator names a person.
func employee(who string) offboarding.Employee {
	if mail, ok := strings.CutPrefix(who, "mail:"); ok {
		return offboarding.Employee{Mail: mail}
	}
	if _, err := uuid.Parse(who); err == nil {
		return offboarding.Employee{ID: who}
	}
	if strings.Contains(who, "@") {
		return offboarding.Employee{UserPrincipalName: who}
	}
	return offboarding.Employee{EmployeeID: who}
}

func (h *house) answerRequest(w http.ResponseWriter, r *http.Request) {
	request, err := h.readRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	m, err := bus.Request{Request: request, Attempt: 1}.Message(time.Time{})
	if err == nil {
		_, err = h.bus.Publish(r.Context(), m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]string{"request": request.ID})
}

// readRequest reads what the operator asks for; it happens now.
func (h *house) readRequest(r *http.Request) (offboarding.Request, error) {
	var request offboarding.Request
	if err := json.NewDecoder(io.LimitReader(r.Body, 64<<10)).Decode(&request); err != nil {
		return request, errors.New("the request cannot be read")
	}
	now := h.now().UTC()
	request.ID = offboarding.RequestID("operator", uuid.NewString())
	request.Source, request.EventTime, request.ReceivedAt = "operator", now, now
	if request.LeavingTime.IsZero() {
		request.LeavingTime = now
	}
	return request, request.Validate()
}
