package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-vcard"

	"leaver/shared/offboarding"
)

// FuzzManifest reads any text as the manifest of an export: what verifies is there, and is what it was.
func FuzzManifest(f *testing.F) {
	const heading = `{"export":1,"case":"c","mailbox":"m","items":1,"files":1,"bytes":5}` + "\n"
	const hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of hello
	f.Add(heading+`{"id":"1","part":"mail","path":"a.eml","size":5,"sha256":"`+hash+`"}`, "hello")
	f.Add(heading+`{"id":"1","path":"../../etc/passwd","size":5}`, "")
	f.Add(heading+`{"id":"1","path":".","size":-1}`+"\n"+`{"id":"1","path":"manifest.ndjson","size":9223372036854775807}`, "hello")
	f.Add(`{"export":2}`, "")
	f.Add(`{"export":1}`+"\nnull\n[]", "")
	f.Fuzz(func(t *testing.T, manifest, file string) {
		files := fstest.MapFS{manifestName: {Data: []byte(manifest)}, "a.eml": {Data: []byte(file)}}
		v, err := Verify(files)
		lines, errLines := Lines(files)
		if err != nil || len(v.Problems) > 0 {
			return
		}
		if errLines != nil || len(lines) != v.Files {
			t.Errorf("%d lines, %v; want the %d files that verify", len(lines), errLines, v.Files)
		}
		for _, l := range lines {
			there := files[l.Path]
			if there == nil {
				t.Fatalf("%q verifies, and is not there", l.Path)
			}
			if sum := sha256.Sum256(there.Data); hex.EncodeToString(sum[:]) != l.SHA256 || int64(len(there.Data)) != l.Size {
				t.Errorf("%q verifies, and is not what the manifest says", l.Path)
			}
		}
	})
}

// FuzzConverted converts whatever Graph may hand out as a contact, an event with a changed occurrence, or a
// task: what comes out can be read by those who read such files, and is one entry.
func FuzzConverted(f *testing.F) {
	const begins = `"start":{"dateTime":"2026-11-23T09:00:00.0000000"},"end":{"dateTime":"2026-11-23T10:00:00"}`
	f.Add(`{"id":"1","displayName":"Alex\r\nBEGIN:VCARD","emailAddresses":[{"address":"a@contoso.com\nFN:x"}],"birthday":"1980-01-01T00:00:00Z"}`, `{}`, "2026-12-24")
	f.Add(`{"id":"1","iCalUId":"u\r\nX:y",`+begins+`,"organizer":{"emailAddress":{"name":"A \"B\"","address":"a@contoso.com\r\nBEGIN:VEVENT"}}}`, `{}`, "")
	f.Add(`{"id":"1",`+begins+`,"originalStartTimeZone":"W. Europe Standard Time","recurrence":{"pattern":{"type":"weekly","interval":2,"daysOfWeek":["monday"],"firstDayOfWeek":"sunday"},"range":{"type":"endDate","endDate":"2027-11-23"}}}`,
		`{"originalStart":"2026-12-07T09:00:00Z",`+begins+`}`, "2026-12-21")
	f.Add(`{"id":"1",`+begins+`,"isAllDay":true,"recurrence":{"pattern":{"type":"relativeYearly","month":2,"daysOfWeek":["x"],"index":"last"},"range":{"type":"numbered","numberOfOccurrences":-5}}}`, `null`, "x")
	f.Add(`{"id":"1","title":"t","recurrence":{"pattern":{"type":"daily","interval":9223372036854775807},"range":{"type":"noEnd"}},"dueDateTime":{"dateTime":"0001-01-01T00:00:00"}}`, ``, "9999-12-31")
	f.Fuzz(func(t *testing.T, raw, changed, cancelled string) {
		changes := offboarding.SeriesChanges{Cancelled: []string{cancelled}, Until: time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)}
		if json.Valid([]byte(changed)) {
			changes.Changed = []offboarding.MailboxEntry{{ID: "2", JSON: json.RawMessage(changed)}}
		}
		for _, part := range []offboarding.MailboxPart{offboarding.PartContacts, offboarding.PartCalendar, offboarding.PartTasks} {
			text, ending, err := converted(part, json.RawMessage(raw), changes)
			if err != nil {
				continue
			}
			if ending == "vcf" {
				if _, err := vcard.NewDecoder(bytes.NewReader(text)).Decode(); err != nil || strings.Count("\n"+string(text), "\nBEGIN:") != 1 {
					t.Errorf("%s: %v in %q", part, err, text)
				}
				continue
			}
			calendar, err := ical.NewDecoder(bytes.NewReader(text)).Decode()
			if err != nil {
				t.Errorf("%s: %v in %q", part, err, text)
				continue
			}
			for _, c := range calendar.Children {
				if !slices.Contains([]string{ical.CompEvent, ical.CompToDo, ical.CompTimezone}, c.Name) {
					t.Errorf("%s: a component %q in %q", part, c.Name, text)
				}
			}
		}
		_, _, _ = hasAttachments(json.RawMessage(raw)), isSeries(json.RawMessage(raw)), withOccurrences(json.RawMessage(raw), changes)
	})
}

// one is a storage of a few objects, which counts what is deleted.
type one struct {
	objects map[string]string
	deleted int
}

func (s *one) Write(_ context.Context, _, name string, content io.Reader) error {
	text, err := io.ReadAll(content)
	s.objects[name] = string(text)
	return err
}

func (s *one) Read(_ context.Context, _, name string) (io.ReadCloser, error) {
	text, is := s.objects[name]
	if !is {
		return nil, offboarding.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (s *one) List(_ context.Context, _, prefix, _ string) ([]string, error) {
	var names []string
	for name := range s.objects {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names, nil
}

func (s *one) Delete(_ context.Context, _, name string) error {
	delete(s.objects, name)
	s.deleted++
	return nil
}

func (s *one) Where(storage string) string { return storage }

// anyCase is a ledger that has every case, and nothing to say of it.
type anyCase struct{}

func (anyCase) Frozen(context.Context) (bool, error) { return false, nil }

func (anyCase) Case(_ context.Context, id string) (*offboarding.Case, error) {
	return &offboarding.Case{ID: id}, nil
}

func (anyCase) ExportDeleted(context.Context, string, offboarding.DeletedExport) error { return nil }

// FuzzStored reads any text as the journal of an export that is under way, and as what says until when one
// is kept: nothing is deleted before its time, nor by the word of another export.
func FuzzStored(f *testing.F) {
	f.Add(`{"item":{"id":"1","part":"mail","folder":"f","files":[{"path":"a","size":1}]}}`+"\n"+`{"folder":{"id":"f","name":"Inbox"}}`, `{"case":"c-1","keepUntil":"2026-11-22T09:00:00Z"}`)
	f.Add(`{"round":{}}`+"\nnull\n{}", `{"case":"c-2","keepUntil":"2020-01-01T00:00:00Z"}`)
	f.Add(`{"item":null,"folder":{"id":""}}`, `{"case":"c-1"}`)
	f.Fuzz(func(t *testing.T, text, ending string) {
		now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		s := &one{objects: map[string]string{"c-1/" + journalDir + "000001.ndjson": text, "c-1/" + endingName: ending}}
		j, err := open(t.Context(), s, &offboarding.Case{ID: "c-1"})
		if err == nil {
			for _, i := range j.sorted() {
				_ = j.lines(i)
			}
			_, _ = j.stored(), j.size()
		} else if v := offboarding.VerdictOf(err); v.Kind != offboarding.KindPermanent {
			t.Errorf("error %v, want one that no try mends", err)
		}
		left := deletionsPerRun
		sweeper := Sweeper{Storage: s, Ledger: anyCase{}, Log: slog.New(slog.DiscardHandler)}
		if err := sweeper.sweep(t.Context(), s.Where(""), "c-1/", now, &left); err != nil {
			t.Error(err)
		}
		var e endingOf
		over := json.Unmarshal([]byte(ending), &e) == nil && e.Case == "c-1" && !e.KeepUntil.IsZero() && !now.Before(e.KeepUntil)
		if s.deleted > 0 && !over {
			t.Errorf("deleted by %q", ending)
		}
	})
}
