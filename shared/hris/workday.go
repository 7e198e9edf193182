package hris

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// workday sends nothing: its workers are polled with Get_Workers, or with a report of the customer's
// whose columns the map names.
// Source: Microsoft Learn, workday-integration-reference and configure-workday-termination-lookahead.
var workday = vendor{
	name: "workday", dated: true,
	setup: []string{
		"nothing: it is polled",
		"an integration system user with Get on Worker Data: Workers, Current Staffing Information and Person Data: Work Contact Information",
	},
	validate: func(c Config) error {
		switch {
		case c.Signature != nil || len(c.Secrets) > 0:
			return errors.New("secrets: Workday sends no webhooks, so there is nothing to prove")
		case c.Every == 0:
			return errors.New("every: say how often Workday is polled, like 15m")
		case c.Map != nil && (c.Map.EmployeeID == "" || c.Map.LeavingDate == "" && c.Map.EndOfEmployment == ""):
			return errors.New("map: name the columns of the report, at least employee.employeeId and leavingDate or endOfEmployment")
		}
		return c.Map.validate()
	},
	reader: func(c Config, ask *client) Reader {
		if c.Map != nil {
			return &reportReader{ask, *c.Map}
		}
		ask.sign = func(*http.Request) {} // the envelope holds the credential
		return &workdayReader{client: ask, user: c.API.User, secret: c.API.Secret}
	},
}

// reportReader reads a report as a service; every worker is a row of it.
type reportReader struct {
	*client
	Map
}

func (r *reportReader) rows(ctx context.Context) ([]Word, error) {
	doc, err := r.get(ctx, "reading the report", "", map[string][]string{"format": {"json"}}, nil)
	if err != nil {
		return nil, err
	}
	each := r.Each
	if each == "" {
		each = "/Report_Entry"
	}
	if _, is := doc.at(each).value.([]any); !is {
		return nil, fmt.Errorf("reading the report of %s: it has no list at %s", r.about, each)
	}
	var all []Word
	for _, row := range doc.at(each).list() {
		word := Word{Person: row.at(r.EmployeeID).text(), Employee: offboarding.Employee{EmployeeID: row.at(r.EmployeeID).text()}}
		if r.Mail != "" {
			word.Employee.Mail = row.at(r.Mail).text()
		}
		if word.Person == "" {
			continue
		}
		if word.Leaving, err = r.leaving(row); err != nil {
			word.Unclear = err.Error()
		} else if word.Leaving.IsZero() && !r.named(row) {
			word.Unclear = "the row has none of the columns of a date"
		}
		all = append(all, word)
	}
	return distinct(all), nil
}

// Person implements Reader. Somebody who is not in the report may have left long ago, or be hidden
// from it.
func (r *reportReader) Person(ctx context.Context, id string) (Word, error) {
	all, err := r.rows(ctx)
	for _, word := range all {
		if word.Person == id {
			return word, nil
		}
	}
	return Word{Person: id, Unclear: "the worker is not in the report: base it on active and terminated workers"}, err
}

// Leavers implements Reader.
func (r *reportReader) Leavers(ctx context.Context, _ time.Time) (Leavers, error) {
	all, err := r.rows(ctx)
	return Leavers{Words: all}, err
}

// workdayReader speaks Get_Workers.
type workdayReader struct {
	*client
	user, secret string
}

// getWorkers is the request; its version is pinned, because the paths of the answer change with it. No template
// makes it: those find methods by their names, so that the linker could leave none out of a binary.
func getWorkers(q query) string {
	about := `<bsvc:Request_References><bsvc:Worker_Reference><bsvc:ID bsvc:type="WID">` + escapeXML(q.Worker) + `</bsvc:ID></bsvc:Worker_Reference></bsvc:Request_References>`
	if q.Worker == "" {
		dates := "Effective"
		if q.Entered {
			dates = "Updated"
		}
		about = fmt.Sprintf(`<bsvc:Request_Criteria><bsvc:Transaction_Log_Criteria_Data><bsvc:Transaction_Date_Range_Data><bsvc:%[1]s_From>%[2]s</bsvc:%[1]s_From><bsvc:%[1]s_Through>%[3]s</bsvc:%[1]s_Through></bsvc:Transaction_Date_Range_Data></bsvc:Transaction_Log_Criteria_Data><bsvc:Exclude_Inactive_Workers>false</bsvc:Exclude_Inactive_Workers></bsvc:Request_Criteria>`, dates, q.From, q.Through)
	}
	return fmt.Sprintf(`<?xml version="1.0" encoding="utf-8"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:bsvc="urn:com.workday/bsvc" xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
<env:Header><wsse:Security env:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>%s</wsse:Username><wsse:Password Type="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">%s</wsse:Password></wsse:UsernameToken></wsse:Security></env:Header>
<env:Body><bsvc:Get_Workers_Request bsvc:version="v21.1">%s
<bsvc:Response_Filter><bsvc:As_Of_Effective_Date>%s</bsvc:As_Of_Effective_Date><bsvc:As_Of_Entry_DateTime>%s</bsvc:As_Of_Entry_DateTime><bsvc:Page>%d</bsvc:Page><bsvc:Count>30</bsvc:Count></bsvc:Response_Filter>
<bsvc:Response_Group><bsvc:Include_Reference>1</bsvc:Include_Reference><bsvc:Include_Personal_Information>1</bsvc:Include_Personal_Information><bsvc:Include_Employment_Information>1</bsvc:Include_Employment_Information></bsvc:Response_Group>
</bsvc:Get_Workers_Request></env:Body></env:Envelope>`, escapeXML(q.User), escapeXML(q.Secret), about, q.AsOf, q.Now, q.Page)
}

func escapeXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}

// workers is the answer, as far as it is read.
type workers struct {
	Pages int      `xml:"Body>Get_Workers_Response>Response_Results>Total_Pages"`
	All   []worker `xml:"Body>Get_Workers_Response>Response_Data>Worker"`
	Fault *struct {
		Code string `xml:"faultcode"`
	} `xml:"Body>Fault"`
}

type worker struct {
	References []struct {
		Type  string `xml:"type,attr"`
		Value string `xml:",chardata"`
	} `xml:"Worker_Reference>ID"`
	ID     string `xml:"Worker_Data>Worker_ID"`
	Emails []struct {
		Address string   `xml:"Email_Address"`
		Usage   []string `xml:"Usage_Data>Type_Data>Type_Reference>ID"`
	} `xml:"Worker_Data>Personal_Data>Contact_Data>Email_Address_Data"`
	Status *struct {
		Active  string  `xml:"Active"`
		End     element `xml:"Termination_Date"`
		LastDay element `xml:"Termination_Last_Day_of_Work"`
	} `xml:"Worker_Data>Employment_Data>Worker_Status_Data"`
}

// element is one that holds a text and nothing else.
type element struct {
	Inner string `xml:",innerxml"`
	Text  string `xml:",chardata"`
}

// text is what the element holds, and unreadable where that is more than a text.
func (e element) text() string {
	if strings.Contains(e.Inner, "<") {
		return unreadable
	}
	return e.Text
}

// back is how long after the last of the dates somebody is back who is still active: the integration
// user lives up to 21 hours behind, and an effective date a day.
const back = 48 * time.Hour

// over reports whether a day was over everywhere for so long that whoever is still active is back.
func over(day offboarding.Date, now time.Time) bool {
	return !day.IsZero() && now.Sub(day.At(offboarding.EndOfDay, offboarding.AnywhereOnEarth)) > back
}

func (w worker) word(now time.Time) Word {
	word := Word{Employee: offboarding.Employee{EmployeeID: w.ID}}
	for _, reference := range w.References {
		if reference.Type == "WID" {
			word.Person = reference.Value
		}
	}
	for _, mail := range w.Emails {
		for _, usage := range mail.Usage {
			if usage == "WORK" {
				word.Employee.Mail = mail.Address
			}
		}
	}
	if w.Status == nil {
		word.Unclear = "the employment is not shown: give the integration user the domain Worker Data: Current Staffing Information"
		return word
	}
	var err, other error
	word.Leaving.LastDay, err = parseDay(w.Status.LastDay.text())
	word.Leaving.EndOfEmployment, other = parseDay(w.Status.End.text())
	isTrue := func(s string) bool { return s == "true" || s == "1" }
	switch {
	case err != nil || other != nil:
		word.Unclear = "a date of the termination is not a day"
	case isTrue(w.Status.Active) && over(cmpDate(word.Leaving.LastDay, word.Leaving.EndOfEmployment), now):
		word.Leaving = Leaving{} // the dates are of a departure from which the person is back
	case word.Leaving.IsZero() && !isTrue(w.Status.Active):
		word.Unclear = "the worker is not active, and no date is shown"
	}
	return word
}

type query struct {
	User, Secret, Worker, From, Through, AsOf, Now string
	Entered                                        bool
	Page                                           int
}

// ahead is how far the dates of departures are looked for: the integration user lives in Pacific
// Time, where a day begins up to 21 hours after it did in Auckland.
const ahead = 60 * 24 * time.Hour

func (w *workdayReader) call(ctx context.Context, q query) (workers, error) {
	now := w.now().UTC()
	q.User, q.Secret, q.Now, q.AsOf = w.user, w.secret, now.Format(time.RFC3339), now.Add(24*time.Hour).Format(time.DateOnly)
	text, _, err := w.send(ctx, "reading workers", http.MethodPost, "", nil, strings.NewReader(getWorkers(q)), http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Accept": {"text/xml"}})
	// A fault comes with the status 500, whatever it is about, and its text may name people.
	var answer workers
	malformed := xml.Unmarshal(text, &answer)
	switch fault := answer.Fault; {
	case malformed == nil && fault != nil && strings.Contains(strings.ToLower(fault.Code), "authentication"):
		return workers{}, offboarding.Permanent(fmt.Errorf("reading workers: %s %w: renew api.secret, or unlock the integration user", w.about, errCredential))
	case malformed == nil && fault != nil:
		return workers{}, fmt.Errorf("reading workers: %s answers with the fault %q", w.about, fault.Code)
	case err != nil:
		return workers{}, err
	case malformed != nil:
		return workers{}, fmt.Errorf("reading workers: the answer of %s is not XML that it documents", w.about)
	}
	return answer, nil
}

// Person implements Reader.
func (w *workdayReader) Person(ctx context.Context, id string) (Word, error) {
	answer, err := w.call(ctx, query{Worker: id, Page: 1})
	if err != nil {
		return Word{}, err
	}
	for _, one := range answer.All {
		if word := one.word(w.now()); word.Person == id {
			return word, nil
		}
	}
	return Word{Person: id, Unclear: "the worker is not shown any more"}, nil
}

// Leavers implements Reader: what was entered since a time, and what takes effect until some time
// ahead, which are two questions.
func (w *workdayReader) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	var all Leavers
	seen := map[string]bool{}
	for _, entered := range []bool{true, false} {
		through := w.now()
		if !entered {
			through = through.Add(ahead)
		}
		among := map[string]bool{} // of this question
		for page, pages := 1, 1; page <= pages; page++ {
			if page > mostPages {
				return Leavers{}, fmt.Errorf("listing workers: %s has more than %d pages", w.about, mostPages)
			}
			answer, err := w.call(ctx, query{Entered: entered, From: since.UTC().Format(time.RFC3339), Through: through.UTC().Format(time.RFC3339), Page: page})
			if err != nil {
				return Leavers{}, err
			}
			pages = answer.Pages
			before := len(among)
			for _, one := range answer.All {
				word := one.word(w.now())
				if word.Person != "" && !seen[word.Person] {
					all.Words = append(all.Words, word)
				}
				seen[word.Person], among[word.Person] = true, true
			}
			if page < pages && len(among) == before {
				return Leavers{}, fmt.Errorf("listing workers: %w", errRepeats)
			}
		}
	}
	all.Words = distinct(all.Words)
	return all, nil
}
