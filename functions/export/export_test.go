package export_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"leaver/functions/export"
	"leaver/shared/ledger"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const person = "adele.vance@contoso.com"

func exporting(p *offboarding.Policy) { p.KeepMail = offboarding.KeepExport }

// fill puts contents into the mailbox of the person.
func fill(h *steptest.Harness, s *simtenant.Contents) {
	h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[simtenant.UserID(person)].Contents = s })
}

// prepare makes preserve effective, which export asks about a mailbox that is not there.
func newStep(t *testing.T) func(h *steptest.Harness) worker.Step {
	return func(h *steptest.Harness) worker.Step {
		mailboxes, _ := h.As("export")
		return export.New(mailboxes, objectstore.New(t.TempDir(), nil))
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	folders := map[*steptest.Harness]string{}
	var mu sync.Mutex
	steptest.Run(t, steptest.Subject{
		Name: offboarding.StepExport, Person: person, Policy: exporting,
		New: func(h *steptest.Harness) worker.Step {
			mailboxes, _ := h.As("export")
			fill(h, simtenant.SampleContents(12, 9, 100))
			mu.Lock()
			defer mu.Unlock()
			folders[h] = t.TempDir()
			return export.New(mailboxes, objectstore.New(folders[h], nil))
		},
		Check: func(t *testing.T, h *steptest.Harness, id string) {
			mu.Lock()
			defer mu.Unlock()
			if err := compare(h, filepath.Join(folders[h], id+"-1"), id); err != nil {
				t.Error(err)
			}
		},
		Refusals: []string{"GET /users/{id}/mailFolders", "GET /users/{id}/messages/{message}/$value", "GET /users/{id}/todo/lists"},
	})
}

// compare says what of the mailbox the export does not hold, or holds otherwise.
func compare(h *steptest.Harness, folder, id string) error {
	v, err := export.Verify(os.DirFS(folder))
	if err != nil {
		return err
	}
	if len(v.Problems) > 0 {
		return fmt.Errorf("the export has problems: %v", v.Problems)
	}
	byID := map[string][]export.Line{}
	for _, l := range lines(folder) {
		byID[l.ID[8:]] = append(byID[l.ID[8:]], l)
	}
	m, _ := h.Tenant.Mailbox(id)
	for _, i := range m.Contents.Items {
		stored := slices.DeleteFunc(byID[i.ID], func(l export.Line) bool { return l.State == "gone" })
		switch {
		case i.Series != "": // it is with its series
		case m.Contents.Item(i.ID) == nil: // deleted
			if len(stored) > 0 {
				return fmt.Errorf("item %s was deleted, and the manifest does not say so", i.ID)
			}
		case i.Kind == simtenant.ContentMail && (len(stored) != 1 || stored[0].SHA256 != i.SHA256()):
			return fmt.Errorf("message %s is stored as %v, want its MIME once", i.ID, stored)
		case len(stored) == 0:
			return fmt.Errorf("item %s is not stored", i.ID)
		}
	}
	return nil
}

func lines(folder string) []export.Line {
	f, err := os.Open(filepath.Join(folder, "manifest.ndjson"))
	if err != nil {
		return nil
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Scan()
	var all []export.Line
	for in.Scan() {
		var l export.Line
		if json.Unmarshal(in.Bytes(), &l) == nil {
			all = append(all, l)
		}
	}
	return all
}

// house is one departure whose mailbox is exported into a folder.
type house struct {
	*steptest.Harness
	t      *testing.T
	folder string
	c      *offboarding.Case
	w      *worker.Worker
	store  *hindered
}

func newHouse(t *testing.T, s *simtenant.Contents, change ...func(*offboarding.Policy)) *house {
	return newHouseIn(t, "", s, change...)
}

// newHouseIn is newHouse in one of Microsoft's clouds.
func newHouseIn(t *testing.T, cloud string, s *simtenant.Contents, change ...func(*offboarding.Policy)) *house {
	h := &house{Harness: steptest.NewIn(t, cloud), t: t, folder: t.TempDir()}
	fill(h.Harness, s)
	policy := offboarding.DefaultPolicy()
	exporting(&policy)
	policy.Grace = 0
	for _, c := range change {
		c(&policy)
	}
	h.c = h.Open(t, person, offboarding.Options{Mailbox: offboarding.None}, policy)
	mailboxes, _ := h.As("export")
	h.store = &hindered{Client: objectstore.New(h.folder, nil)}
	h.w = h.Worker(offboarding.StepExport, export.New(mailboxes, h.store))
	return h
}

func (h *house) root() string { return filepath.Join(h.folder, h.c.ID) }

// settles runs the step until it is settled, and wants it so.
func (h *house) settles(state offboarding.StepState, says string) *offboarding.Record {
	h.t.Helper()
	record := h.Settle(h.t, h.c.ID, h.w)
	if record.State != state || !strings.Contains(record.Reason, says) {
		h.t.Fatalf("export is %s: %s; want %s saying %q", record.State, record.Reason, state, says)
	}
	return record
}

// replay sends the step back to work, as a person does who has mended something.
func (h *house) replay() {
	h.t.Helper()
	if _, err := h.Ledger.Replay(h.t.Context(), h.c.ID, offboarding.StepExport); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) whole() {
	h.t.Helper()
	if err := compare(h.Harness, h.root(), h.c.Leaver); err != nil {
		h.t.Error(err)
	}
}

// hindered is a storage that something may happen to.
type hindered struct {
	*objectstore.Client
	onWrite  func(name string) error
	onDelete func(name string) error
	slow     int32 // every so many writes take too long; 0 is none
	writes   atomic.Int32
	room     atomic.Int64 // in bytes; 0 is as much as there is
	stored   atomic.Int64 // in bytes, where room is bounded
}

func (s *hindered) Write(ctx context.Context, storage, name string, content io.Reader) error {
	if s.onWrite != nil {
		if err := s.onWrite(name); err != nil {
			return err
		}
	}
	n := s.writes.Add(1)
	late := s.slow > 0 && n%s.slow == 0
	if late && n%2 == 0 {
		return context.DeadlineExceeded // before it was there
	}
	if room := s.room.Load(); room > 0 {
		content = &bounded{Reader: content, left: room - s.stored.Load(), of: &s.stored}
	}
	err := s.Client.Write(ctx, storage, name, content)
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("writing an export: %w", offboarding.ErrNoSpace) // as the adapter says it
	}
	if err != nil || !late {
		return err
	}
	return context.DeadlineExceeded // and it is there
}

// bounded ends in the middle when there is no room left.
type bounded struct {
	io.Reader
	left, read int64
	of         *atomic.Int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.read += int64(n); b.read > b.left {
		return 0, syscall.ENOSPC
	}
	if errors.Is(err, io.EOF) {
		b.of.Add(b.read)
	}
	return n, err
}

func (s *hindered) Delete(ctx context.Context, storage, name string) error {
	if s.onDelete != nil {
		if err := s.onDelete(name); err != nil {
			return err
		}
	}
	return s.Client.Delete(ctx, storage, name)
}

func TestEveryItemIsStoredOnceWhateverItIsCalled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, simtenant.SampleContents(400, 30, 200))
	record := h.settles(offboarding.StateEffective, "")
	h.whole()
	if record.Evidence["items"] != "400" || record.Evidence["manifestSHA256"] == "" || !strings.Contains(record.Evidence[offboarding.ResidualRisk], "RPMSG") {
		t.Errorf("evidence %v; want 400 items, the hash of the manifest and the protected messages", record.Evidence)
	}
	v, _ := export.Verify(os.DirFS(h.root()))
	if v.Manifest != record.Evidence["manifestSHA256"] || v.Items != 400 {
		t.Errorf("verified %d items under %s; want 400 under %s", v.Items, v.Manifest, record.Evidence["manifestSHA256"])
	}
	err := filepath.WalkDir(h.folder, func(path string, _ os.DirEntry, err error) error {
		if inside, _ := filepath.Rel(h.folder, path); strings.HasPrefix(inside, "..") || len([]rune(inside)) > 250 || strings.ContainsAny(inside, "\\:*?\"<>|\n\t") {
			t.Errorf("%q is no path for every system", inside)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if outside, _ := os.ReadDir(filepath.Dir(h.folder)); len(outside) > 3 {
		t.Errorf("something lies beside the storage: %v", outside)
	}
}

func TestTheLastLookIsRightBeforeTheLicenceGoes(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(50, 9, 100)
	h := newHouse(t, s, func(p *offboarding.Policy) { p.Grace = 30 * 24 * time.Hour })
	for h.Record(t, h.c.ID, offboarding.StepExport).Due.Before(h.c.Plan.LeavingTime.Add(time.Hour)) {
		h.Step(t, h.c.ID, h.w)
	}
	record := h.Record(t, h.c.ID, offboarding.StepExport)
	licence, _ := h.c.Plan.Step(offboarding.StepLicence)
	if record.State != offboarding.StateWaiting || !record.Due.Equal(licence.Due) {
		t.Fatalf("%s until %s: %s; want waiting until %s", record.State, record.Due, record.Reason, licence.Due)
	}
	h.Tenant.Edit(func(*simtenant.World) {
		s.Add(simtenant.ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "late", At: h.Now(), Size: 10})
	})
	h.settles(offboarding.StateEffective, "")
	h.whole()
	c, err := h.Ledger.Case(t.Context(), h.c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !offboarding.MailKept(c, offboarding.MailFlow{}, h.Now()) {
		t.Error("the gate does not take the export for kept")
	}
	if offboarding.MailKept(c, offboarding.MailFlow{}, h.Now().Add(25*time.Hour)) {
		t.Error("the gate takes an export for kept that is a day old")
	}
}

// The mailbox changes at every third request.
func TestAMailboxThatChangesWhileItIsExported(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(200, 15, 100)
	h := newHouse(t, s)
	inbox := s.WellKnown("inbox").ID
	other := s.AddFolder(simtenant.ContentFolder{Name: "Later", Kind: simtenant.ContentMail})
	requests, changes := 0, 0
	h.OnRequest = func(*http.Request) error {
		if requests++; requests%3 != 0 || changes >= 60 {
			return nil
		}
		changes++
		h.Tenant.Edit(func(*simtenant.World) {
			i := s.Items[(changes*37)%200]
			switch live := s.Item(i.ID) != nil && i.Kind == simtenant.ContentMail; {
			case changes%4 == 0:
				s.Add(simtenant.ContentItem{Folder: inbox, Subject: fmt.Sprint("new ", changes), At: h.Now(), Size: 50})
			case !live:
			case changes%4 == 1:
				s.Move(i.ID, other.ID)
			case changes%4 == 2:
				s.Remove(i.ID)
			default:
				s.Touch(i.ID)
			}
		})
		return nil
	}
	h.settles(offboarding.StateEffective, "")
	h.whole()
}

func TestAFolderThatIsMovedAndOneThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(100, 12, 100)
	moved := s.AddFolder(simtenant.ContentFolder{Name: "Project", Kind: simtenant.ContentMail})
	doomed := s.AddFolder(simtenant.ContentFolder{Name: "Doomed", Kind: simtenant.ContentMail})
	for n := range 250 {
		s.Add(simtenant.ContentItem{Folder: moved.ID, Subject: fmt.Sprint("p", n), At: steptest.Begins, Size: 20})
	}
	in := s.Add(simtenant.ContentItem{Folder: doomed.ID, Subject: "d", At: steptest.Begins, Size: 20})
	h := newHouse(t, s)
	requests := 0
	h.OnRequest = func(r *http.Request) error {
		if strings.Contains(r.URL.Path, moved.ID+"/messages/delta") {
			if requests++; requests == 2 {
				h.Tenant.Edit(func(*simtenant.World) {
					moved.Parent, moved.Name = s.WellKnown("deleteditems").ID, "Project (old)"
					s.Move(in.ID, s.WellKnown("inbox").ID)
					s.Folders = slices.DeleteFunc(s.Folders, func(f *simtenant.ContentFolder) bool { return f == doomed })
				})
			}
		}
		return nil
	}
	h.settles(offboarding.StateEffective, "")
	h.whole()
	for _, l := range lines(h.root()) {
		if strings.HasSuffix(l.Folder, "Project (old)") && l.Folder != "Deleted Items/Project (old)" {
			t.Fatalf("the manifest says %q", l.Folder)
		}
	}
}

// Sources: microsoft-graph-docs issues 2162 and 2350: tokens end by themselves, in the middle of a listing too.
func TestADeltaTokenThatEndsBeginsTheFolderAnew(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(50, 9, 100)
	inbox := s.WellKnown("inbox").ID
	for n := range 350 {
		s.Add(simtenant.ContentItem{Folder: inbox, Subject: fmt.Sprint(n), At: steptest.Begins, Size: 20})
	}
	h := newHouse(t, s)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /users/{id}/mailFolders/{folder}/messages/delta", Target: inbox, Status: http.StatusGone, Code: "SyncStateNotFound", Times: 1, Share: 0.5})
	})
	h.settles(offboarding.StateEffective, "")
	h.whole()
	if n := h.Tenant.Requests()["GET /users/{id}/messages/{message}/$value"]; n > 400 {
		t.Errorf("%d messages were fetched of 400: what is stored is fetched again", n)
	}
}

// Sources: msgraph-sdk-go issue 969, microsoft-graph-docs issue 6785: a delta says the same message twice, which Microsoft
// expects clients to bear.
func TestADeltaThatSaysEveryMessageTwice(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(60, 9, 100)
	for _, f := range s.Folders {
		f.Twice = true
	}
	mail := 0
	for _, i := range s.Items {
		if i.Kind == simtenant.ContentMail {
			mail++
		}
	}
	h := newHouse(t, s)
	h.settles(offboarding.StateEffective, "")
	h.whole()
	if n := h.Tenant.Requests()["GET /users/{id}/messages/{message}/$value"]; n > mail {
		t.Errorf("%d messages were fetched of %d", n, mail)
	}
}

// Sources: LogicLabs-OU/OpenArchiver issue 487, ecederstrand/exchangelib issue 266: S/MIME and its reports answer 500,
// with a code that says it will not pass, each time.
func TestAnUnreadableItemKeepsTheGateShutAndNothingElse(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(60, 9, 100)
	bad := s.Add(simtenant.ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "signed", At: steptest.Begins, Size: 20, Status: 500, Code: "ErrorMimeContentConversionFailed"})
	h := newHouse(t, s)
	h.settles(offboarding.StateManual, "1 item could not be exported as found (1 as JSON")
	for _, l := range lines(h.root()) {
		if strings.HasSuffix(l.ID, bad.ID) && (l.State != "unreadable" || !strings.HasSuffix(l.Path, ".json")) {
			t.Errorf("the item is listed as %+v; want unreadable and kept as JSON", l)
		}
	}
	c, err := h.Ledger.Case(t.Context(), h.c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if offboarding.MailKept(c, offboarding.MailFlow{}, h.Now()) {
		t.Error("the gate takes the mail for kept")
	}
	if n := h.Tenant.Requests()["GET /users/{id}/messages/{message}/$value"]; n > 65+5 {
		t.Errorf("%d requests for 61 messages: what will not pass is tried on and on", n)
	}
}

// Source: microsoft-graph-docs-contrib issue 3659: $value answers 200 and nothing at all.
func TestAnAnswerOfNothingIsNoMessage(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(12, 9, 100)
	blank := s.Add(simtenant.ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "blank", At: steptest.Begins, Class: "blank"})
	h := newHouse(t, s)
	h.settles(offboarding.StateManual, "1 item could not be exported as found (1 as JSON")
	for _, l := range lines(h.root()) {
		if strings.HasSuffix(l.ID, blank.ID) && (l.State != "unreadable" || !strings.HasSuffix(l.Path, ".json") || l.Size == 0) {
			t.Errorf("got %+v, want it unreadable and kept as JSON", l)
		}
	}
}

// TestWhatCouldNotBeExportedIsAccepted types what the step says to type.
func TestWhatCouldNotBeExportedIsAccepted(t *testing.T) {
	t.Parallel()
	h, _ := newAccepted(t)
	h.settles(offboarding.StateEffective, "")
}

// newAccepted is an export with an item that is kept as JSON, which a person has accepted, replayed but not
// run again; and its finished manifest.
func newAccepted(t *testing.T) (*house, []export.Line) {
	t.Helper()
	s := simtenant.SampleContents(12, 9, 100)
	s.Add(simtenant.ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "signed", At: steptest.Begins, Size: 20, Status: 500, Code: "ErrorMimeContentConversionFailed"})
	h := newHouse(t, s)
	record := h.settles(offboarding.StateManual, "--item unreadable")
	if _, err := h.Ledger.SignOff(t.Context(), ledger.SignOff{Case: h.c.ID, Step: record.Name, By: "Miriam Graham", Note: "it is a receipt", Items: []string{"unreadable"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Ledger.Replay(t.Context(), h.c.ID, record.Name); err != nil {
		t.Fatal(err)
	}
	return h, lines(h.root())
}

// TestADamagedFileIsFetchedAgainWhenTheComparisonHasPaused leaves the journal as a run does that found the
// damage, and paused behind it.
func TestADamagedFileIsFetchedAgainWhenTheComparisonHasPaused(t *testing.T) {
	t.Parallel()
	h, manifest := newAccepted(t)
	i := slices.IndexFunc(manifest, func(l export.Line) bool { return l.Part == "mail" && l.State == "" })
	damaged := filepath.Join(h.root(), filepath.FromSlash(manifest[i].Path))
	whole, err := os.ReadFile(damaged)
	if err == nil {
		err = os.WriteFile(damaged, []byte("damaged"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(h.root(), "journal", "*.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var item, round map[string]any
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var e struct{ Item, Round map[string]any }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if e.Item["id"] == manifest[i].ID {
				item = e.Item
			}
			if e.Round != nil {
				round = e.Round
			}
		}
	}
	item["state"], round["done"], round["checked"] = "again", false, "~" // behind every id
	text, err := json.Marshal(map[string]any{"item": item, "round": round})
	if err == nil {
		err = os.WriteFile(filepath.Join(h.root(), "journal", fmt.Sprintf("%08d.ndjson", len(parts)+1)), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.settles(offboarding.StateEffective, "")
	if now, err := os.ReadFile(damaged); err != nil || string(now) != string(whole) {
		t.Errorf("the file is %.40q, %v; want it as it was", now, err)
	}
}

// Source: alcionai/corso issue 5419: one attachment that cannot be had must not cost the mailbox.
func TestAnItemThatBreaksOffEachTimeDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(60, 9, 100)
	bad := s.Add(simtenant.ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "heavy", At: steptest.Begins, Size: 20})
	h := newHouse(t, s)
	h.Tenant.Edit(func(w *simtenant.World) {
		w.Faults = append(w.Faults, simtenant.Fault{Operation: "GET /users/{id}/messages/{message}/$value", Target: "AAkALgAA" + bad.ID, Reset: true})
	})
	h.settles(offboarding.StateManual, "1 as JSON")
	if v, _ := export.Verify(os.DirFS(h.root())); v.Items != 61 {
		t.Errorf("%d items are stored; want 61", v.Items)
	}
}

// Sources: microsoft-graph-docs-contrib issue 7758: a damaged item lets the whole listing answer 500.
func TestAFolderThatCannotBeListedKeepsTheStepFromItsEnd(t *testing.T) {
	t.Parallel()
	s := simtenant.SampleContents(30, 9, 100)
	h := newHouse(t, s)
	h.Tenant.Edit(func(*simtenant.World) { s.WellKnown("sentitems").Corrupt = true })
	h.settles(offboarding.StateParked, "still failing")
	h.holds(".eml", ".vcf", ".ics")
	h.Tenant.Edit(func(*simtenant.World) { s.WellKnown("sentitems").Corrupt = false })
	if _, err := h.Ledger.Replay(t.Context(), h.c.ID, offboarding.StepExport); err != nil {
		t.Fatal(err)
	}
	h.settles(offboarding.StateEffective, "")
	h.whole()
}

// holds fails the test unless the export has files of these kinds already.
func (h *house) holds(endings ...string) {
	h.t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(h.root(), func(path string, _ fs.DirEntry, err error) error {
		found[filepath.Ext(path)] = true
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, ending := range endings {
		if !found[ending] {
			h.t.Errorf("the export holds no file that ends in %s", ending)
		}
	}
}

// TestOnePartThatIsRefusedKeepsNoOtherFromTheExport: issue 6, kind 6. Each part of a mailbox has a permission of its
// own. alcionai/corso#3716 and #5356.
func TestOnePartThatIsRefusedKeepsNoOtherFromTheExport(t *testing.T) {
	t.Parallel()
	for refused, endings := range map[string][]string{
		"GET /users/{id}/mailFolders":    {".vcf", ".ics"},
		"GET /users/{id}/contactFolders": {".eml", ".ics"},
		"GET /users/{id}/calendars":      {".eml", ".vcf"},
		"GET /users/{id}/todo/lists":     {".eml", ".vcf", ".ics"},
	} {
		t.Run(refused, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, simtenant.SampleContents(30, 9, 100))
			h.Tenant.Edit(func(w *simtenant.World) {
				w.Faults = append(w.Faults, simtenant.Fault{Operation: refused, Status: 403, Code: "ErrorAccessDenied"})
			})
			h.settles(offboarding.StateParked, "")
			h.holds(endings...)
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
			h.replay()
			h.settles(offboarding.StateEffective, "")
			h.whole()
		})
	}
}

// Source: alcionai/corso issue 3695: Application is over its MailboxConcurrency limit.
func TestTheExportKeepsToTheBudgetOfTheMailbox(t *testing.T) {
	t.Parallel()
	h := newHouse(t, simtenant.SampleContents(300, 9, 100))
	h.Tenant.Edit(func(w *simtenant.World) { w.ThrottleScale, w.Latency = 1, time.Millisecond })
	h.settles(offboarding.StateEffective, "")
	h.whole()
	if n := h.Tenant.Throttled(); n > 0 {
		t.Errorf("%d requests were refused; want none", n)
	}
}

func TestAStorageThatIsFullSlowGoneOrRefusing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hinder func(h *house) (mend func())
		says   string
		state  offboarding.StepState
	}{
		"full": {func(h *house) func() {
			n := 0
			h.store.onWrite = func(string) error {
				if n++; n > 20 {
					return fmt.Errorf("writing an export: %w", offboarding.ErrNoSpace)
				}
				return nil
			}
			return func() { h.store.onWrite = nil }
		}, "the storage is full", offboarding.StateParked},
		"refusing": {func(h *house) func() {
			h.store.onWrite = func(string) error { return offboarding.Permanent(errors.New("the storage refuses it")) }
			return func() { h.store.onWrite = nil }
		}, "refuses", offboarding.StateParked},
		"breaking off": {func(h *house) func() {
			h.store.onWrite = func(name string) error {
				if strings.HasSuffix(name, ".eml") {
					return syscall.EIO
				}
				return nil
			}
			return func() { h.store.onWrite = nil }
		}, "input/output error", offboarding.StateParked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, simtenant.SampleContents(60, 9, 100))
			mend := tt.hinder(h)
			h.settles(tt.state, tt.says)
			mend()
			h.replay()
			h.settles(offboarding.StateEffective, "")
			h.whole()
		})
	}
}

func TestAFolderThatThePolicyNamesHasToBeThere(t *testing.T) {
	t.Parallel()
	mount := filepath.Join(t.TempDir(), "mount")
	h := newHouse(t, simtenant.SampleContents(30, 9, 100), func(p *offboarding.Policy) { p.ExportTo = "file://" + filepath.ToSlash(mount) })
	h.settles(offboarding.StateParked, "is not there: make it, or mount it")
	if _, err := os.Stat(mount); err == nil {
		t.Error("the folder was made: a mount that has gone would be written beside")
	}
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	h.replay()
	h.settles(offboarding.StateEffective, "")
	if err := compare(h.Harness, filepath.Join(mount, h.c.ID), h.c.Leaver); err != nil {
		t.Error(err)
	}
}

func TestAStorageThatVanishesInTheMiddleIsGoneOnWithWhenItIsBack(t *testing.T) {
	t.Parallel()
	mount := filepath.Join(t.TempDir(), "mount")
	if err := os.Mkdir(mount, 0o700); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, simtenant.SampleContents(60, 9, 100), func(p *offboarding.Policy) { p.ExportTo = "file://" + filepath.ToSlash(mount) })
	written := 0
	h.store.onWrite = func(string) error {
		if written++; written == 20 {
			return os.Rename(mount, mount+".away")
		}
		return nil
	}
	h.settles(offboarding.StateParked, "is not there: make it, or mount it")
	if _, err := os.Stat(mount); err == nil {
		t.Error("the folder was made anew, beside the one that has gone")
	}
	if err := os.Rename(mount+".away", mount); err != nil {
		t.Fatal(err)
	}
	h.replay()
	h.settles(offboarding.StateEffective, "")
	if err := compare(h.Harness, filepath.Join(mount, h.c.ID), h.c.Leaver); err != nil {
		t.Error(err)
	}
}

// TestASlowStorageCostsTimeAndNothingElse has every seventh object take longer than is waited for: it may be
// there, or not.
func TestASlowStorageCostsTimeAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, simtenant.SampleContents(60, 9, 100))
	h.store.slow = 7
	h.settles(offboarding.StateEffective, "")
	h.whole()
}

func TestWhatWasChangedInTheStorageIsFetchedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, simtenant.SampleContents(40, 9, 100), func(p *offboarding.Policy) { p.Grace = 30 * 24 * time.Hour })
	for h.Record(t, h.c.ID, offboarding.StepExport).Due.Before(h.c.Plan.LeavingTime.Add(time.Hour)) {
		h.Step(t, h.c.ID, h.w)
	}
	stored := lines(h.root())
	for n, spoil := range []func(path string) error{
		func(path string) error { return os.WriteFile(path, []byte("other"), 0o600) }, os.Remove,
	} {
		if err := spoil(filepath.Join(h.root(), filepath.FromSlash(stored[n*7].Path))); err != nil {
			t.Fatal(err)
		}
	}
	h.settles(offboarding.StateEffective, "")
	h.whole()
}

func TestALargeItemPassesThroughWithoutBeingHeldInMemory(t *testing.T) {
	t.Parallel()
	s := simtenant.NewContents()
	s.Add(simtenant.ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "huge", At: steptest.Begins, Size: 150 << 20, Class: "attachment"})
	h := newHouse(t, s)
	h.settles(offboarding.StateEffective, "")
	h.whole()
}

func TestWithoutAMailboxThereIsNothingToExport(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	exporting(&policy)
	c := h.Open(t, "pradeep.gupta@contoso.com", offboarding.Options{}, policy)
	w := h.Worker(offboarding.StepExport, newStep(t)(h))
	if record, _ := h.Step(t, c.ID, w); record.State != offboarding.StateWaiting {
		t.Errorf("%s: %s; want waiting for preserve", record.State, record.Reason)
	}
}
