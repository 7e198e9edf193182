package onedrive_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/functions/onedrive"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const (
	grady   = "grady.archie@contoso.com"    // 250 files in two folders, and three sharing links
	manager = "alex.wilber@contoso.com"     // of grady
	patti   = "patti.fernandez@contoso.com" // 30 files
	library = "b!library"                   // a drive that nobody owns
)

func newStep(h *steptest.Harness) worker.Step {
	files, _ := h.As("onedrive")
	return onedrive.New(files, h.Ledger)
}

func run(t *testing.T, h *steptest.Harness, person string, change func(*offboarding.Policy)) (*offboarding.Case, *offboarding.Record) {
	t.Helper()
	policy := offboarding.DefaultPolicy()
	if change != nil {
		change(&policy)
	}
	c := h.Open(t, person, offboarding.Options{}, policy)
	return c, h.Settle(t, c.ID, h.Worker(offboarding.StepOnedrive, newStep(h)))
}

func drive(t *testing.T, h *steptest.Harness, person string) simtenant.Drive {
	t.Helper()
	d, ok := h.Tenant.Drive(simtenant.UserID(person))
	if !ok {
		t.Fatalf("%s has no drive", person)
	}
	return d
}

// tree is what lies below a folder: path → size and hash. A name that is there twice is an error.
func tree(t *testing.T, d simtenant.Drive, folder, path string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, i := range d.Items {
		if i.Parent != folder {
			continue
		}
		at := path + "/" + i.Name
		if out[at] != "" {
			t.Errorf("%s is there twice", at)
		}
		out[at] = fmt.Sprint(i.Folder, i.Size, i.Hash)
		if i.Folder {
			for k, v := range tree(t, d, i.ID, at) {
				out[k] = v
			}
		}
	}
	return out
}

// copied fails the test unless everything in the one drive is in the folder of the other.
func copied(t *testing.T, from, to simtenant.Drive) {
	t.Helper()
	var folders []simtenant.DriveItem
	for _, i := range to.Items {
		if strings.HasPrefix(i.Name, "Files of ") {
			folders = append(folders, i)
		}
	}
	if len(folders) != 1 || folders[0].Parent != "" {
		t.Fatalf("%d folders for the copy", len(folders))
	}
	want, got := tree(t, from, "", ""), tree(t, to, folders[0].ID, "")
	for path, content := range want {
		if got[path] != content {
			t.Errorf("%s is %q, its copy %q", path, content, got[path])
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d items, %d copies", len(want), len(got))
	}
}

func linksOf(d simtenant.Drive) int {
	n := 0
	for _, g := range d.Grants {
		if g.Link != "" {
			n++
		}
	}
	return n
}

func readers(d simtenant.Drive) []string {
	var ids []string
	for _, g := range d.Grants {
		if g.Link == "" && g.Item == "" {
			ids = append(ids, g.User+" "+strings.Join(g.Roles, " "))
		}
	}
	return ids
}

func TestStep(t *testing.T) {
	t.Parallel()
	const lynne, boss = "lynne.robbins@contoso.com", patti // five files, two links
	check := func(t *testing.T, h *steptest.Harness, _ string) {
		from := drive(t, h, lynne)
		if linksOf(from) > 0 {
			t.Errorf("%d sharing links are left", linksOf(from))
		}
		if got := readers(from); !slices.Equal(got, []string{simtenant.UserID(boss) + " read"}) {
			t.Errorf("the drive can be read by %v", got)
		}
		copied(t, from, drive(t, h, boss))
	}
	subject := steptest.Subject{
		Name: offboarding.StepOnedrive, New: newStep, Person: lynne, Check: check,
		Refusals: []string{"POST /drives/{drive}/items/{item}/copy", "DELETE /drives/{drive}/items/{item}/permissions/{permission}", "POST /drives/{drive}/items/{item}/invite"},
	}
	subject.Stops, subject.UndoStops = driveStops, map[string]string{}
	noMail := subject
	noMail.Stops, noMail.UndoStops = nil, nil
	noMail.Case, noMail.Options = "the manager is looked up", offboarding.Options{Mailbox: offboarding.None}
	steptest.Run(t, subject, noMail)
}

// driveStops: who gets the files is let in first, and is the one whose drive they are copied to. The copy waits for
// what passes of the links and of letting in, both of which Graph's delta reports as changes.
var driveStops = map[string]string{
	"GET /users/{id}": steptest.Everything, "GET /users/{id}/drive": steptest.Everything, "GET /users/{id}/drive/root": steptest.Everything,
	"GET /users/{id}/manager": linksAndFiles, "GET /drives/{drive}/items/{item}/children": linksAndFiles, "GET /drives/{drive}/items/{item}/permissions": linksAndFiles,
	"POST /drives/{drive}/items/{item}/invite": linksAndFiles, "DELETE /drives/{drive}/items/{item}/permissions/{permission}": linksAndFiles,
}

const linksAndFiles = "Drives.Grants Drives.Items"

func TestEvidenceAndHistoryNameNoFile(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.CopyDelay = time.Minute })
	c, record := run(t, h, grady, nil)
	from, to := drive(t, h, grady), drive(t, h, manager)
	want := map[string]string{
		"items": "251", "bytes": strconv.FormatInt(2<<30, 10), "hashed": "250", "linksRemoved": "3",
		"drive": from.ID, "targetDrive": to.ID, "reader": simtenant.UserID(manager), "driveBytes": strconv.FormatInt(2<<30, 10),
	}
	for name, value := range want {
		if record.Evidence[name] != value {
			t.Errorf("%s is %q, wanted %q", name, record.Evidence[name], value)
		}
	}
	if record.Evidence["verifiedAt"] == "" || record.Evidence["targetFolder"] == "" {
		t.Errorf("%v", record.Evidence)
	}
	for _, g := range []string{"anonymous", "organization"} {
		if !strings.Contains(fmt.Sprint(record.Before), g) {
			t.Errorf("the before does not hold the link for %s: %v", g, record.Before)
		}
	}
	history, err := h.Ledger.History(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"Report", "monitor/", "grady", "docx"} {
		if strings.Contains(string(text), personal) || strings.Contains(h.Log(), personal) {
			t.Errorf("history or log hold %q", personal)
		}
	}
}

func TestWhereFilesGo(t *testing.T) {
	t.Parallel()
	intoLibrary := func(p *offboarding.Policy) { p.FilesTo = library }
	toPatti := func(p *offboarding.Policy) { p.FilesTo = simtenant.UserID(patti) }
	giveUp := func(p *offboarding.Policy) { p.KeepFiles = offboarding.KeepNone }
	addLibrary := func(w *simtenant.World) { w.Drives["library"] = &simtenant.Drive{ID: library} }
	for name, tt := range map[string]struct {
		person string
		policy func(*offboarding.Policy)
		edit   func(*simtenant.World)
		state  offboarding.StepState
		reason string
		copies bool // somewhere
	}{
		"a drive of the policy":                 {grady, intoLibrary, addLibrary, offboarding.StateEffective, "", true},
		"a drive that is not there":             {grady, intoLibrary, nil, offboarding.StateManual, "filesTo", false},
		"given up by the policy":                {grady, giveUp, nil, offboarding.StateEffective, "", false},
		"an empty drive":                        {"adele.vance@contoso.com", nil, nil, offboarding.StateEffective, "", false},
		"no drive":                              {"pradeep.gupta@contoso.com", nil, nil, offboarding.StateEffective, "", false},
		"no manager":                            {grady, nil, func(w *simtenant.World) { w.Users[simtenant.UserID(grady)].ManagerID = "" }, offboarding.StateManual, "no manager", false},
		"a disabled manager":                    {grady, nil, func(w *simtenant.World) { w.Users[simtenant.UserID(manager)].AccountEnabled = false }, offboarding.StateManual, "disabled", false},
		"a manager without OneDrive":            {grady, nil, func(w *simtenant.World) { delete(w.Drives, simtenant.UserID(manager)) }, offboarding.StateManual, "has no OneDrive", false},
		"no manager, but a drive of the policy": {grady, intoLibrary, func(w *simtenant.World) { addLibrary(w); w.Users[simtenant.UserID(grady)].ManagerID = "" }, offboarding.StateEffective, "", true},
		"a person of the policy":                {grady, toPatti, func(w *simtenant.World) { delete(w.Drives, simtenant.UserID(manager)) }, offboarding.StateEffective, "", true},
		"a person without OneDrive":             {grady, toPatti, func(w *simtenant.World) { delete(w.Drives, simtenant.UserID(patti)) }, offboarding.StateManual, "has no OneDrive (", false},
		"a person who is gone":                  {grady, toPatti, func(w *simtenant.World) { delete(w.Users, simtenant.UserID(patti)) }, offboarding.StateManual, "does not exist any more: correct filesTo", false},
		"no room":                               {grady, nil, func(w *simtenant.World) { w.Drives[simtenant.UserID(manager)].Quota = 1 << 30 }, offboarding.StateManual, "no room", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			if tt.edit != nil {
				h.Tenant.Edit(tt.edit)
			}
			was, had := h.Tenant.Drive(simtenant.UserID(tt.person))
			_, record := run(t, h, tt.person, tt.policy)
			if is, has := h.Tenant.Drive(simtenant.UserID(tt.person)); has != had || !maps.Equal(tree(t, was, "", ""), tree(t, is, "", "")) {
				t.Errorf("the leaver's drive holds %v, held %v", is.Items, was.Items)
			}
			h.Wants(t, record, tt.state, tt.reason)
			if got := h.Tenant.Requests()["POST /drives/{drive}/items/{item}/copy"] > 0; got != tt.copies {
				t.Errorf("copied: %t", got)
			}
			if d, ok := h.Tenant.Drive(simtenant.UserID(tt.person)); ok && linksOf(d) > 0 {
				t.Errorf("%d sharing links are left", linksOf(d))
			}
			if tt.policy != nil && tt.state == offboarding.StateEffective && tt.copies {
				to, ok := h.Tenant.Drive("library")
				if !ok {
					to = drive(t, h, patti)
				}
				copied(t, drive(t, h, tt.person), to)
			}
		})
	}
}

// TestTheManagerOfTheMomentGetsTheFiles: issue 6, kind 7; MicrosoftDocs/OfficeDocs-SharePoint#1417. The manager changes
// after the departure was planned, and once more while files are being copied: whoever it is then has all of them.
func TestTheManagerOfTheMomentGetsTheFiles(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	manages := func(person string) {
		h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(grady)].ManagerID = simtenant.UserID(person) })
	}
	h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 250, 2) }) // more than one run
	c := h.Open(t, grady, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	manages(patti)
	record, _ := h.Step(t, c.ID, w)
	for ; len(readers(drive(t, h, grady))) == 0 && !record.State.Settled(); record, _ = h.Step(t, c.ID, w) {
		h.Advance(max(record.Due.Sub(h.Now()), time.Second))
	}
	if record.State.Settled() || len(readers(drive(t, h, grady))) != 1 || !strings.HasPrefix(readers(drive(t, h, grady))[0], simtenant.UserID(patti)) {
		t.Fatalf("%s: %s, read by %v; want it on its way to the manager of now", record.State, record.Reason, readers(drive(t, h, grady)))
	}
	manages(manager)
	record = h.Settle(t, c.ID, w)
	h.Wants(t, record, offboarding.StateEffective)
	copied(t, drive(t, h, grady), drive(t, h, manager))
	if got := record.Evidence[offboarding.FilesReader]; got != simtenant.UserID(manager) {
		t.Errorf("the evidence says that %s reads the files, want the manager of the moment", got)
	}
	if in := readers(drive(t, h, grady)); len(in) != 1 || !strings.HasPrefix(in[0], simtenant.UserID(manager)) {
		t.Errorf("the OneDrive is read by %v, want by the manager of the moment alone", in)
	}
	if risk := record.Evidence[offboarding.ResidualRisk]; !strings.Contains(risk, simtenant.UserID(patti)) || !strings.Contains(risk, offboarding.FilesFolder(c.ID)) {
		t.Errorf("the evidence does not say what the manager from before has: %s", risk)
	}
}

func TestARecipientWhoLeavesAsWellGetsNothing(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Open(t, manager, offboarding.Options{}, offboarding.DefaultPolicy())
	for _, policy := range []func(*offboarding.Policy){nil, func(p *offboarding.Policy) { p.FilesTo = simtenant.UserID(manager) }} {
		_, record := run(t, h, grady, policy)
		if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "leaving as well") || len(readers(drive(t, h, grady))) > 0 {
			t.Errorf("%s: %s; want manual saying \"leaving as well\"", record.State, record.Reason)
		}
	}
}

// grow fills a drive with folders, in chains of ten, and so many files in each.
func grow(w *simtenant.World, person string, folders, files int) {
	d := w.Drives[simtenant.UserID(person)]
	d.Items = nil
	for f := range folders {
		folder := simtenant.DriveItem{ID: fmt.Sprintf("01F%05d", f), Name: fmt.Sprintf("Folder %d", f), Folder: true}
		if f%10 != 0 {
			folder.Parent = fmt.Sprintf("01F%05d", f-1)
		}
		d.Items = append(d.Items, folder)
		for i := range files {
			d.Items = append(d.Items, simtenant.DriveItem{
				ID: fmt.Sprintf("01I%05d%05d", f, i), Parent: folder.ID, Name: fmt.Sprintf("Report %d.docx", i), Size: int64(1000*f + i), Hash: fmt.Sprintf("hash %d %d", f, i),
			})
		}
	}
}

func TestTenThousandItemsInBoundedRuns(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 400, 24); w.CopyDelay = time.Minute })
	busiest, began := 0, 0
	h.OnRequest = func(*http.Request) error { began++; return nil }
	policy := offboarding.DefaultPolicy()
	c := h.Open(t, grady, offboarding.Options{}, policy)
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	runs := 0
	for !h.Record(t, c.ID, w.Name).State.Settled() {
		if wait := h.Record(t, c.ID, w.Name).Due.Sub(h.Now()); wait > 0 {
			h.Advance(wait)
		}
		began = 0
		h.Step(t, c.ID, w)
		busiest = max(busiest, began)
		if runs++; runs > 100 {
			t.Fatal("it does not end")
		}
	}
	record := h.Record(t, c.ID, w.Name)
	if record.State != offboarding.StateEffective || record.Evidence["items"] != "10000" || record.Evidence["hashed"] != "9600" {
		t.Fatalf("%s: %s, %v; want effective with items 10000 with hashed 9600", record.State, record.Reason, record.Evidence)
	}
	copied(t, drive(t, h, grady), drive(t, h, manager))
	progress, _ := json.Marshal(record.Progress)
	if busiest > 350 || len(progress) > 2000 || runs < 5 {
		t.Errorf("%d runs, up to %d requests in one; %d bytes of progress", runs, busiest, len(progress))
	}
}

func TestALongFlatListIsCopiedInWaves(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { flat(w, grady, 620); w.CopyDelay = time.Minute })
	_, record := run(t, h, grady, nil)
	if record.State != offboarding.StateEffective || record.Evidence["items"] != "620" {
		t.Fatalf("%s: %s, %v; want effective with items 620", record.State, record.Reason, record.Evidence)
	}
	if requests := h.Tenant.Requests(); requests[copies] != 620 || requests["POST /$batch"] != 31 {
		t.Errorf("%d copies were started for 620 items, in %d batches", requests[copies], requests["POST /$batch"])
	}
	copied(t, drive(t, h, grady), drive(t, h, manager))
}

// flat fills a drive with files only.
func flat(w *simtenant.World, person string, files int) {
	d := w.Drives[simtenant.UserID(person)]
	d.Items = nil
	for i := range files {
		d.Items = append(d.Items, simtenant.DriveItem{ID: fmt.Sprintf("01I%05d", i), Name: fmt.Sprintf("Report %d.docx", i), Size: int64(i), Hash: strconv.Itoa(i)})
	}
}

const copies = "POST /drives/{drive}/items/{item}/copy"

func TestTheChildrenOfAFolderAreCopiedByOneRequest(t *testing.T) {
	t.Parallel()
	for files, want := range map[int]int{1: 1, 2: 1, offboarding.MostChildren: 1, offboarding.MostChildren + 1: offboarding.MostChildren + 1} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { flat(w, grady, files); w.CopyDelay = time.Minute })
			_, record := run(t, h, grady, nil)
			if record.State != offboarding.StateEffective || record.Evidence["items"] != fmt.Sprint(files) {
				t.Fatalf("%s: %s, %v; want effective", record.State, record.Reason, record.Evidence)
			}
			copied(t, drive(t, h, grady), drive(t, h, manager))
			requests := h.Tenant.Requests()
			batches := map[int]int{offboarding.MostChildren + 1: 3 + 3 + 2}[files] // one alone needs none
			if requests[copies] != want || requests["POST /$batch"] != batches {
				t.Errorf("%d copies in %d batches, want %d in %d", requests[copies], requests["POST /$batch"], want, batches)
			}
		})
	}
}

// Whatever goes wrong with a copy of children, it is tried once, and then everything is copied
// item by item.
func TestACopyOfChildrenThatFailsIsMadeItemByItem(t *testing.T) {
	t.Parallel()
	fault := func(f simtenant.Fault) func(*simtenant.World, string) {
		return func(w *simtenant.World, root string) {
			f.Operation, f.Target = copies, root
			w.Faults = append(w.Faults, f)
		}
	}
	for name, tt := range map[string]struct {
		edit     func(w *simtenant.World, root string)
		children int // copies of the root's children
	}{
		"it stops half way":                    {func(w *simtenant.World, _ string) { w.CopiesFail = 1 }, 1},
		"it is always refused":                 {fault(simtenant.Fault{Status: 400, Code: "invalidRequest"}), 1},
		"it always fails":                      {fault(simtenant.Fault{Status: 503}), 1},
		"it is throttled":                      {fault(simtenant.Fault{Status: 429, RetryAfter: time.Minute, Times: 1}), 2},
		"a name is taken, and it says so":      {fault(simtenant.Fault{Status: 409, Code: "nameAlreadyExists"}), 1},
		"it is begun, but nobody hears of it":  {fault(simtenant.Fault{Status: 503, After: true}), 1},
		"the connection breaks when it begins": {fault(simtenant.Fault{Reset: true, After: true}), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 20, 40); w.CopyDelay = time.Minute })
			of, err := h.Graph.Drive(t.Context(), simtenant.UserID(grady))
			if err != nil {
				t.Fatal(err)
			}
			h.Tenant.Edit(func(w *simtenant.World) { tt.edit(w, of.Root) })
			children := 0
			h.OnRequest = func(r *http.Request) error {
				if strings.HasSuffix(r.URL.Path, "/items/"+of.Root+"/copy") {
					children++
				}
				return nil
			}
			_, record := run(t, h, grady, nil)
			if record.State != offboarding.StateEffective || record.Evidence["items"] != "820" {
				t.Fatalf("%s: %s, %v; want effective with items 820", record.State, record.Reason, record.Evidence)
			}
			copied(t, drive(t, h, grady), drive(t, h, manager))
			if children != tt.children {
				t.Errorf("%d copies of the root's children", children)
			}
		})
	}
}

// Copies of children that always fail end, and at the same place as copies of items.
func TestCopiesThatAlwaysFailEnd(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 3, 4); w.CopiesFail = 1000 })
	_, record := run(t, h, grady, nil)
	if n := h.Tenant.Requests()[copies]; record.State != offboarding.StateManual || n > 60 {
		t.Errorf("%s after %d copies: %s; want manual", record.State, n, record.Reason)
	}
}

func TestABatchOfCopiesWithOneThrottledAndOneRefused(t *testing.T) {
	t.Parallel()
	const slow, closed = "01I00007", "01I00021"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		flat(w, grady, 200)
		w.Faults = append(w.Faults,
			simtenant.Fault{Operation: copies, Target: slow, Status: 429, RetryAfter: 5 * time.Minute, Times: 9}, // more often than a copy is tried
			simtenant.Fault{Operation: copies, Target: closed, Status: 403, Code: "accessDenied"})
	})
	c := h.Open(t, grady, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	record, _ := h.Step(t, c.ID, w)
	if wait := record.Due.Sub(h.Now()); record.State != offboarding.StateRetrying || wait < 5*time.Minute {
		t.Fatalf("%s for %s: %s; want retrying", record.State, wait, record.Reason)
	}
	// The rest of the first batch: after a 429 nothing more is asked of SharePoint meanwhile.
	if got := len(drive(t, h, manager).Items) - 13 - 1; got != 19 {
		t.Errorf("%d of the wave are there", got)
	}
	record = h.Settle(t, c.ID, w)
	if record.State != offboarding.StateParked || !strings.Contains(record.Reason, closed) || !strings.Contains(record.Reason, "accessDenied") || strings.Contains(record.Reason, slow) {
		t.Fatalf("%s: %s; want parked saying %q and saying \"accessDenied\"", record.State, record.Reason, closed)
	}
	if got := len(drive(t, h, manager).Items) - 13 - 1; got != 199 {
		t.Errorf("%d copies are there", got)
	}
	h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	if _, err := h.Ledger.Replay(t.Context(), c.ID, w.Name); err != nil {
		t.Fatal(err)
	}
	if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
		t.Errorf("%s: %s; want effective", record.State, record.Reason)
	}
	copied(t, drive(t, h, grady), drive(t, h, manager))
}

// A crash around any copy, look at a monitor or question for changes, before or after it took
// effect, makes no second copy.
func TestACrashWhileCopying(t *testing.T) {
	t.Parallel()
	worlds := map[string]func(*simtenant.World){
		"children":                  func(w *simtenant.World) { grow(w, grady, 40, 3) },
		"children that stop midway": func(w *simtenant.World) { grow(w, grady, 12, 3); w.CopiesFail = 2 },
		"batches":                   func(w *simtenant.World) { flat(w, grady, 155) },
	}
	for name, world := range worlds {
		for _, delay := range []time.Duration{0, 30 * time.Second} {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, after its effect %t, taking %s", name, after, delay), func(t *testing.T) {
					t.Parallel()
					for at := 1; ; at++ {
						h := steptest.New(t)
						h.Tenant.Edit(func(w *simtenant.World) { world(w); w.CopyDelay = delay })
						c := h.Open(t, grady, offboarding.Options{}, offboarding.DefaultPolicy())
						w := h.Worker(offboarding.StepOnedrive, newStep(h))
						n := 0
						hook := func(r *http.Request) error {
							if !slices.ContainsFunc([]string{"/copy", "/$batch", "/delta", "/monitor/"}, func(part string) bool { return strings.Contains(r.URL.Path, part) }) {
								return nil
							}
							if n++; n == at {
								return http.ErrHandlerTimeout
							}
							return nil
						}
						if after {
							h.OnAnswer = hook
						} else {
							h.OnRequest = hook
						}
						record := h.Settle(t, c.ID, w)
						if record.State != offboarding.StateEffective {
							t.Fatalf("request %d: %s: %s; want effective", at, record.State, record.Reason)
						}
						copied(t, drive(t, h, grady), drive(t, h, manager))
						if n < at || at > 15 || t.Failed() {
							return
						}
					}
				})
			}
		}
	}
}

func TestACopyThatStopsHalfWayIsMadeWhole(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 30, 5); w.CopyDelay = time.Minute; w.CopiesFail = 3 })
	_, record := run(t, h, grady, nil)
	if record.State != offboarding.StateEffective || record.Evidence["items"] != "180" {
		t.Fatalf("%s: %s, %v; want effective with items 180", record.State, record.Reason, record.Evidence)
	}
	copied(t, drive(t, h, grady), drive(t, h, manager))
}

func TestB12WhatCannotBeCopiedIsATaskThatNamesIt(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 1, 2); w.CopiesFail = 1000 })
	_, record := run(t, h, grady, nil)
	if record.State != offboarding.StateManual || !strings.Contains(record.Reason, "01I0000000001 generalException") || strings.Contains(record.Reason, "Report") {
		t.Errorf("%s: %s; want manual saying \"01I0000000001 generalException\"", record.State, record.Reason)
	}
	for _, i := range drive(t, h, grady).Items {
		has := slices.ContainsFunc(drive(t, h, manager).Items, func(c simtenant.DriveItem) bool { return c.Hash == i.Hash })
		if !i.Folder && has == strings.Contains(record.Reason, i.ID) {
			t.Errorf("the manager has a copy of %s: %t, and the task says: %s", i.ID, has, record.Reason)
		}
	}
	if n := len(drive(t, h, grady).Items); n != 3 {
		t.Errorf("%d items are in the leaver's drive, want the folder and both files still", n)
	}
}

func TestB12ACopyThatIsNotAsItsFileIsATask(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*simtenant.DriveItem){
		"another size": func(i *simtenant.DriveItem) { i.Size++ },
		"another hash": func(i *simtenant.DriveItem) { i.Hash = "another" },
		"a folder":     func(i *simtenant.DriveItem) { i.Folder, i.Hash = true, "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { grow(w, grady, 2, 4); w.CopyDelay = time.Minute })
			c := h.Open(t, grady, offboarding.Options{}, offboarding.DefaultPolicy())
			w := h.Worker(offboarding.StepOnedrive, newStep(h))
			h.Step(t, c.ID, w)
			h.Advance(2 * time.Minute)
			drive(t, h, manager)
			touch := func(change func(*simtenant.DriveItem)) {
				h.Tenant.Edit(func(w *simtenant.World) {
					for i := range w.Drives[simtenant.UserID(manager)].Items {
						if item := &w.Drives[simtenant.UserID(manager)].Items[i]; item.Name == "Report 3.docx" && item.Size > 1000 {
							change(item)
						}
					}
				})
			}
			touch(spoil)
			record := h.Settle(t, c.ID, w)
			h.Wants(t, record, offboarding.StateManual, "files that are not as their copies", "(1)", "01I0000100003")
			// Somebody renames the wrong copy and replays.
			touch(func(i *simtenant.DriveItem) { i.Name = "Report 3 (old).docx" })
			if _, err := h.Ledger.Replay(t.Context(), c.ID, offboarding.StepOnedrive); err != nil {
				t.Fatal(err)
			}
			if record = h.Settle(t, c.ID, w); record.State != offboarding.StateEffective {
				t.Errorf("%s: %s; want effective", record.State, record.Reason)
			}
		})
	}
}

func TestB12ADriveThatChangesMeanwhileIsComparedAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.CopyDelay = time.Minute })
	c := h.Open(t, grady, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	h.Step(t, c.ID, w)
	h.Tenant.Edit(func(w *simtenant.World) {
		d := w.Drives[simtenant.UserID(grady)]
		d.Items = append(d.Items, simtenant.DriveItem{ID: "01NEW", Name: "Late.docx", Size: 5, Hash: "late"})
	})
	record := h.Settle(t, c.ID, w)
	if record.State != offboarding.StateEffective || record.Evidence["items"] != "252" {
		t.Fatalf("%s: %s, %v; want effective with items 252", record.State, record.Reason, record.Evidence)
	}
	copied(t, drive(t, h, grady), drive(t, h, manager))
}

// A file that changes at the same size after it was compared is seen by Graph's delta only.
func TestB12ADriveThatChangesAtTheSameSizeIsComparedAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*simtenant.World)
		state  offboarding.StepState
	}{
		"a file's content": {func(w *simtenant.World) { w.Drives[simtenant.UserID(patti)].Items[1].Hash = "another" }, offboarding.StateManual},
		"a file's name":    {func(w *simtenant.World) { w.Drives[simtenant.UserID(patti)].Items[1].Name = "Renamed.docx" }, offboarding.StateEffective},
		"who may read":     {func(w *simtenant.World) { w.Drives[simtenant.UserID(patti)].Grants[0].Roles = []string{"write"} }, offboarding.StateEffective},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, patti, offboarding.Options{}, offboarding.DefaultPolicy())
			w := h.Worker(offboarding.StepOnedrive, newStep(h))
			asked := 0
			h.OnRequest = func(r *http.Request) error {
				if strings.HasSuffix(r.URL.Path, "/delta") && r.URL.Query().Get("token") != "latest" {
					if asked++; asked == 1 { // everything was compared
						h.Tenant.Edit(tt.change)
					}
				}
				return nil
			}
			record, _ := h.Step(t, c.ID, w)
			root := name == "who may read" // of the drive: that is no change of what is in it
			if changed := record.State == offboarding.StateWaiting && strings.Contains(record.Reason, "changed while"); changed == root {
				t.Fatalf("%s: %s; want a wait for what changed: %t", record.State, record.Reason, !root)
			}
			if record = h.Settle(t, c.ID, w); record.State != tt.state {
				t.Fatalf("%s: %s; want %s", record.State, record.Reason, tt.state)
			}
			if tt.state == offboarding.StateManual && !strings.Contains(record.Reason, drive(t, h, patti).Items[1].ID) {
				t.Errorf("%s", record.Reason)
			}
		})
	}
}

func TestB12ADriveWhoseChangesAreNotKnownIsComparedAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.CopyDelay, w.DeltaLife = time.Hour, time.Minute })
	c := h.Open(t, patti, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	for unknown := false; !unknown; {
		record, _ := h.Step(t, c.ID, w)
		unknown = strings.Contains(record.Reason, "does not know any more")
		h.Wants(t, record, offboarding.StateWaiting)
		h.Advance(record.Due.Sub(h.Now()))
	}
	if record := h.Settle(t, c.ID, w); record.State != offboarding.StateEffective || record.Progress[offboarding.VerifiedDelta] == "" {
		t.Fatalf("%s: %s; want effective", record.State, record.Reason)
	}
	copied(t, drive(t, h, patti), drive(t, h, "alex.wilber@contoso.com"))
}

func TestAFolderOfTheCopyThatGoesAwayIsMadeAgain(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.CopyDelay = time.Minute })
	c := h.Open(t, grady, offboarding.Options{}, offboarding.DefaultPolicy())
	w := h.Worker(offboarding.StepOnedrive, newStep(h))
	h.Step(t, c.ID, w)
	h.Tenant.Edit(func(w *simtenant.World) { w.Drives[simtenant.UserID(manager)].Items = nil; clear(w.Copies) })
	h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
	copied(t, drive(t, h, grady), drive(t, h, manager))
}

func TestWhoWasLetInByNameStays(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) {
		d := w.Drives[simtenant.UserID(patti)]
		d.Grants = append(d.Grants,
			simtenant.Grant{ID: "named", Item: d.Items[0].ID, User: simtenant.UserID(grady), Roles: []string{"write"}},
			simtenant.Grant{ID: "linked", Item: d.Items[0].ID, Link: "view", Scope: "anonymous", Roles: []string{"read"}},
			simtenant.Grant{ID: "everything", Link: "view", Scope: "organization", Roles: []string{"read"}})
	})
	if _, record := run(t, h, patti, nil); record.State != offboarding.StateEffective || record.Evidence["linksRemoved"] != "2" {
		t.Fatalf("%s: %s %v; want effective with linksRemoved 2", record.State, record.Reason, record.Evidence)
	}
	d := drive(t, h, patti)
	if linksOf(d) > 0 || !slices.ContainsFunc(d.Grants, func(g simtenant.Grant) bool { return g.ID == "named" }) {
		t.Errorf("%+v", d.Grants)
	}
}
