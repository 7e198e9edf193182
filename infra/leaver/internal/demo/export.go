package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"leaver/functions/export"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// Export is how large the mailbox of the scenario export is.
type Export struct {
	Items     int
	Megabytes int
}

// DefaultExport is a mailbox of many small items.
func DefaultExport() Export { return Export{Items: 10_000, Megabytes: 20} }

const (
	exportFolders  = 30
	exportKills    = 5
	exportThrottle = 60 // times as soon as Microsoft's budget is there again
	exportPatience = 20 * time.Minute
	// exportMemory is what the host may take, in MB, however much mail there is.
	exportMemory = 150
)

// exported lets somebody leave whose mailbox is exported by leaver up in a process of its own, which is
// killed in the middle, again and again. It is an error unless every item was stored once, as the tenant has
// it, and a parser of somebody else opens it.
func exported(ctx context.Context, o Options) (err error) {
	out := o.Out
	if o.JSON {
		out = io.Discard
	}
	tenant, err := o.newTenant(simtenant.Config{Users: 40, Knobs: simtenant.Knobs{Latency: o.Latency / 10, ThrottleScale: exportThrottle}})
	if err != nil {
		return err
	}
	who := stormy{upn: nothingToKeep.person, id: simtenant.UserID(nothingToKeep.person)}
	contents := simtenant.SampleContents(o.Export.Items, exportFolders, int64(o.Export.Megabytes)<<20/int64(o.Export.Items))
	tenant.Edit(func(w *simtenant.World) {
		m := w.Mailboxes[who.id]
		m.Contents, m.ItemCount = contents, o.Export.Items
	})
	server, err := tenant.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	dir, err := os.MkdirTemp("", "leaver-export-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := hostApart(tenant, server.Connection(), dir, exportPolicy, o.Log)
	if err != nil {
		return err
	}
	defer p.stop()
	_, _ = fmt.Fprintf(out, "%s leaves: %d items in %d folders, %d MB; the host is killed %d times\n", who.upn, o.Export.Items, exportFolders, o.Export.Megabytes, exportKills)
	ctx, stop := context.WithTimeoutCause(ctx, exportPatience, fmt.Errorf("the departure did not end within %s", exportPatience))
	defer stop()
	begun := time.Now()
	peak, err := p.export(ctx, who, o.Export.Items)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	status := p.status(ctx, who)
	if status == nil {
		return errors.New("the host does not say what became of the departure")
	}
	return errors.Join(tellExport(out, tenant, status, took, peak), judgeExport(ctx, out, tenant, who, status, filepath.Join(dir, "data", "exports", status.Case)), p.reports(context.WithoutCancel(ctx), o.Reports))
}

// exportPolicy exports mailboxes, and waits for nothing.
const exportPolicy = "grace: 0s\ndeleteAfter: 0s\nmailbox: none\nkeepMail: export\nkeepFiles: none\nphoneGrace: 1s\nphoneWait: 5s\n"

// mimeRequest is how the tenant counts a message that was asked for.
const mimeRequest = "GET /users/{id}/messages/{message}/$value"

// export posts the webhook and kills the host in the middle of the export until it may finish. It returns
// the most memory, in kB, that one of the hosts took; 0 where this system does not say.
func (p *storming) export(ctx context.Context, who stormy, items int) (peak int, err error) {
	if err := p.start(); err != nil {
		return 0, err
	}
	if err := p.post(ctx, who, "employee.terminated", time.Now()); err != nil {
		return 0, err
	}
	for p.kills < exportKills {
		enough := items * (p.kills + 1) / (exportKills + 1) * 9 / 10 // of a hundred items some are no messages
		if err := p.until(ctx, func() bool { return p.tenant.Requests()[mimeRequest] >= enough }); err != nil {
			return 0, err
		}
		peak = max(peak, p.memory())
		p.stop()
		p.kills++
		if err := p.start(); err != nil {
			return 0, err
		}
	}
	err = p.until(ctx, func() bool {
		s := p.status(ctx, who)
		return s != nil && (s.State == string(offboarding.CaseComplete) || s.Step(offboarding.StepExport).State == offboarding.StateParked || s.Step(offboarding.StepExport).State == offboarding.StateManual)
	})
	return max(peak, p.memory()), err
}

// memory is the most that the host has taken so far, in kB.
func (p *storming) memory() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.host == nil {
		return 0
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.host.Process.Pid)) // not there on other systems
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, "VmHWM:"); is {
			kilobytes, _ := strconv.Atoi(strings.Fields(value)[0]) // the kernel writes a number
			return kilobytes
		}
	}
	return 0
}

// tellExport says how fast it was, beside what Microsoft allows, and how much memory it took.
func tellExport(out io.Writer, tenant *simtenant.Tenant, s *operator.Status, took time.Duration, peak int) error {
	requests := 0
	for operation, n := range tenant.Requests() {
		if strings.HasPrefix(operation, "GET /users/{id}/m") || strings.Contains(operation, "contactFolders") || strings.Contains(operation, "/todo/") || strings.Contains(operation, "/events/") {
			requests += n
		}
	}
	evidence := s.Step(offboarding.StepExport).Evidence
	bytes, _ := strconv.ParseFloat(evidence["bytes"], 64) // its own number
	_, err := fmt.Fprintf(out, "%s items, %.0f MB in %s: %.0f requests a second to the mailbox, %.1f MB/s; Microsoft allows 16.7 a second in the long run, here %d times that; refused: %d\n",
		evidence["items"], bytes/(1<<20), took.Round(time.Second), float64(requests)/took.Seconds(), bytes/(1<<20)/took.Seconds(), exportThrottle, tenant.Throttled())
	if err != nil {
		return err
	}
	if peak == 0 {
		_, err = fmt.Fprintln(out, "how much memory the host took this system does not say")
		return err
	}
	if _, err = fmt.Fprintf(out, "the host took %d MB at most\n", peak>>10); err == nil && peak>>10 >= exportMemory {
		err = fmt.Errorf("the host took %d MB, and may take less than %d", peak>>10, exportMemory)
	}
	return err
}

// judgeExport believes the files and the tenant alone.
func judgeExport(ctx context.Context, out io.Writer, tenant *simtenant.Tenant, who stormy, s *operator.Status, folder string) error {
	if s.State != string(offboarding.CaseComplete) {
		return fmt.Errorf("the case is %s; export: %s", s.State, s.Step(offboarding.StepExport).Reason)
	}
	if _, deleted := tenant.DeletedUser(who.id); !deleted {
		return errors.New("the account was not deleted")
	}
	v, err := export.Verify(os.DirFS(folder))
	if err != nil {
		return err
	}
	if want := s.Step(offboarding.StepExport).Evidence["manifestSHA256"]; len(v.Problems) > 0 || v.Manifest != want {
		return fmt.Errorf("the export has %d problems, and its manifest the hash %s instead of %s: %v", len(v.Problems), v.Manifest, want, v.Problems)
	}
	m, _ := tenant.Mailbox(who.id)
	want := map[string]string{}
	for _, i := range m.Contents.Items {
		want[i.ID] = ""
		if i.Kind == simtenant.ContentMail {
			want[i.ID] = i.SHA256()
		}
	}
	listed, err := export.Lines(os.DirFS(folder))
	if err != nil {
		return err
	}
	mails := 0
	for _, l := range listed {
		id := l.ID[len("AAkALgAA"):]
		hash, is := want[id]
		switch {
		case l.Part != string(offboarding.PartMail):
			delete(want, id)
		case !is:
			return fmt.Errorf("message %s is stored twice, or is not in the mailbox", id)
		case hash != l.SHA256:
			return fmt.Errorf("message %s is stored as %s and reads %s", id, l.SHA256, hash)
		default:
			mails++
			delete(want, id)
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("%d items of the mailbox are not in the export", len(want))
	}
	if _, err := fmt.Fprintf(out, "every one of %d items is stored once, %d messages with the hash that the tenant gave out; manifest %s\n", v.Items, mails, v.Manifest); err != nil {
		return err
	}
	return parsedByPython(ctx, out, folder, mails)
}

// python reads every mail of a folder by a parser that nobody here wrote, and prints how many it could.
const python = `
import email, email.policy, os, sys
good = 0
for at, _, names in os.walk(sys.argv[1]):
    for name in names:
        if not name.endswith('.eml'):
            continue
        with open(os.path.join(at, name), 'rb') as f:
            m = email.message_from_binary_file(f, policy=email.policy.default)
        defects = [d for part in m.walk() for d in part.defects]
        if defects or not m['Message-ID'] or not m['Subject'] or (not m.is_multipart() and not m.get_payload()):
            sys.exit('%s: %s' % (name, defects or 'it lacks something'))
        good += 1
print(good)
`

// parsedByPython has Python's package email open every mail.
func parsedByPython(ctx context.Context, out io.Writer, folder string, mails int) error {
	command, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "true" {
			return errors.New("there is no python3, whose package email opens the mails")
		}
		_, err = fmt.Fprintln(out, "skipped: there is no python3, whose package email would open the mails")
		return err
	}
	said, err := exec.CommandContext(ctx, command, "-c", python, folder).CombinedOutput() //nolint:gosec // a script of ours
	if got := strings.TrimSpace(string(said)); err != nil || got != strconv.Itoa(mails) {
		return fmt.Errorf("python opened %s of %d mails: %w", got, mails, err)
	}
	_, err = fmt.Fprintf(out, "Python's package email opened all %d mails without a defect\n", mails)
	return err
}
