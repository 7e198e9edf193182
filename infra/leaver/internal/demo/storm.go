package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/resident"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// Storm is how the scenario storm is played.
type Storm struct {
	Random uint64        // what happens to whom, and when
	For    time.Duration // for how long the host is killed, every second
}

// DefaultStorm is a storm of half a minute.
func DefaultStorm() Storm { return Storm{Random: 1, For: 30 * time.Second} }

const (
	stormPeople   = 40
	stormPatience = 6 * time.Minute // after the last kill
	stormKill     = time.Second
	stormSoon     = 3 * time.Second // the latest a leaving time lies ahead
	stormNever    = 24 * time.Hour  // a leaving time that the storm does not see
)

// The fates of the people in a storm.
const (
	fateLeaves    = iota // at a moment in the storm
	fateMoved            // was to leave tomorrow, and the date moved to now
	fateCancelled        // was to leave tomorrow, and stays
	fateReturns          // left, was taken back by a person, and stays
	fateAgain            // left, was taken back, and left again
	fates
)

var fateNames = [fates]string{"leaves", "leaves earlier than planned", "stays after all", "comes back", "comes back and leaves again"}

// stormy is one person in a storm.
type stormy struct {
	upn, id  string
	fate     int
	at       time.Duration // after the beginning
	licences int           // that they held
}

// leaves reports whether the person must be out in the end.
func (s stormy) leaves() bool {
	return s.fate == fateLeaves || s.fate == fateMoved || s.fate == fateAgain
}

// storm lets people leave, stay, change their dates and come back while the host is killed every second,
// on a tenant that is busy, loses answers and lags behind. It is an error when one of them was lost or
// somebody who stays was touched.
func storm(ctx context.Context, o Options) (err error) {
	out := o.Out
	if o.JSON {
		out = io.Discard
	}
	struck := func(f simtenant.Fault) simtenant.Fault {
		f.Operation, f.Share = "*", 0.01
		return f
	}
	tenant, err := o.newTenant(simtenant.Config{
		Users: 120, SyncEvery: time.Second,
		Knobs: simtenant.Knobs{
			Latency: o.Latency / 10, ReadLag: 200 * time.Millisecond, ThrottleScale: 60,
			Faults: []simtenant.Fault{
				struck(simtenant.Fault{Status: http.StatusServiceUnavailable}), struck(simtenant.Fault{Reset: true}), struck(simtenant.Fault{Reset: true, After: true}),
			},
		},
	})
	if err != nil {
		return err
	}
	server, err := tenant.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	dir, err := os.MkdirTemp("", "leaver-storm-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := newStorm(tenant, server.Connection(), dir, o)
	if err != nil {
		return err
	}
	defer p.stop()
	_, _ = fmt.Fprintf(out, "storm %d: %d people in %s, a kill every %s\n", o.Storm.Random, len(p.people), o.Storm.For, stormKill)
	if err := p.rage(ctx, o.Storm.For); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "the host was killed %d times; now it may finish\n", p.kills)
	found, err := p.calm(ctx)
	return errors.Join(err, p.judge(out, found), p.reports(ctx, o.Reports))
}

// storming is a storm while it is played, or another scenario whose host is killed.
type storming struct {
	tenant *simtenant.Tenant
	people []stormy
	others map[string]simtenant.User // everybody else, as they were
	args   []string                  // of the host
	data   string
	log    io.Writer
	kills  int

	mu     sync.Mutex
	host   *exec.Cmd
	intake string // of the host that runs; empty while none does
}

// hostApart is a host in a process of its own, not started yet, on a tenant and with a policy in YAML.
func hostApart(tenant *simtenant.Tenant, c simtenant.Connection, dir, policy string, log io.Writer) (*storming, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	connection, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{"tenant.json": connection, "policy.yaml": []byte(policy)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	return &storming{
		tenant: tenant, data: data, log: log,
		args: []string{self, "up", "--addr", "127.0.0.1:0", "--tenant", filepath.Join(dir, "tenant.json"), "--data", data, "--policy", filepath.Join(dir, "policy.yaml"), "--lock", "2s"},
	}, nil
}

// stormPolicy keeps nothing, and has no limits.
const stormPolicy = "grace: 20s\ndeleteAfter: 1s\nmailbox: none\nkeepMail: none\nkeepFiles: none\nphoneGrace: 1s\nphoneWait: 5s\nlimits: {perHour: 0, perDay: 0, share: 0}\n"

func newStorm(tenant *simtenant.Tenant, c simtenant.Connection, dir string, o Options) (*storming, error) {
	p, err := hostApart(tenant, c, dir, stormPolicy, o.Log)
	if err != nil {
		return nil, err
	}
	p.others = map[string]simtenant.User{}
	random := rand.New(rand.NewPCG(o.Storm.Random, 0)) //nolint:gosec // a storm that can be played again
	mine := map[string]bool{}
	for i, upn := range Leavers(tenant, stormPeople) {
		id := simtenant.UserID(upn)
		mine[id] = true
		p.people = append(p.people, stormy{
			upn: upn, id: id, fate: i % fates, licences: len(tenant.Licences(id)),
			at: time.Duration(random.Int64N(int64(o.Storm.For * 2 / 3))),
		})
	}
	random.Shuffle(len(p.people), func(i, j int) { p.people[i].fate, p.people[j].fate = p.people[j].fate, p.people[i].fate })
	tenant.Edit(func(w *simtenant.World) {
		for id, u := range w.Users {
			if !mine[id] {
				p.others[id] = *u
			}
		}
	})
	return p, nil
}

// start starts a host and waits until it says where its intake is.
func (p *storming) start() error {
	command := exec.Command(p.args[0], p.args[1:]...) //nolint:gosec,noctx // itself; stop ends it
	command.Env = append(os.Environ(), "LEAVER_WEBHOOK_SECRETS=")
	var said bytes.Buffer
	command.Stderr = &said
	stdout, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	var first struct{ Intake string }
	if err == nil {
		err = json.Unmarshal(line, &first)
	}
	if err != nil {
		_ = command.Process.Kill()
		_ = command.Wait()
		return fmt.Errorf("leaver up said %q: %w; %s", line, err, said.String())
	}
	p.mu.Lock()
	p.host, p.intake = command, first.Intake
	p.mu.Unlock()
	return nil
}

// stop is SIGKILL.
func (p *storming) stop() {
	p.mu.Lock()
	host := p.host
	p.host, p.intake = nil, ""
	p.mu.Unlock()
	if host != nil {
		_ = host.Process.Kill()
		_ = host.Wait()
	}
}

// rage plays what happens to people while the host is killed again and again. It returns with a host that
// runs, when everything has happened and the time is over.
func (p *storming) rage(ctx context.Context, lasts time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lasts+stormPatience, errors.New("not every webhook was taken"))
	defer cancel()
	happened := make(chan error, len(p.people))
	begun := time.Now()
	for _, who := range p.people {
		go func() { happened <- p.live(ctx, who, begun) }()
	}
	for time.Since(begun) < lasts {
		if err := p.start(); err != nil {
			return err
		}
		if err := sleep(ctx, stormKill); err != nil {
			return err
		}
		p.stop()
		p.kills++
	}
	if err := p.start(); err != nil {
		return err
	}
	var failed error
	for range p.people {
		failed = errors.Join(failed, <-happened)
	}
	return failed
}

// live is what happens to one person.
func (p *storming) live(ctx context.Context, who stormy, begun time.Time) error {
	if err := sleep(ctx, who.at-time.Since(begun)); err != nil {
		return err
	}
	soon := func() time.Time { return time.Now().Add(who.at % stormSoon) }
	first := soon()
	if who.fate == fateMoved || who.fate == fateCancelled {
		first = time.Now().Add(stormNever)
	}
	if err := p.post(ctx, who, "employee.terminated", first); err != nil {
		return err
	}
	switch who.fate {
	case fateMoved:
		return p.post(ctx, who, "employee.terminated", soon())
	case fateCancelled:
		return p.post(ctx, who, "employee.termination_cancelled", time.Time{})
	case fateReturns, fateAgain:
		// Cancelled when the lockout shows, and enabled by a person once the case says so.
		if err := p.until(ctx, func() bool {
			u, alive := p.tenant.User(who.id)
			return !alive || !u.AccountEnabled
		}); err != nil {
			return err
		}
		if err := p.post(ctx, who, "employee.termination_cancelled", time.Time{}); err != nil {
			return err
		}
		if err := p.until(ctx, func() bool { s := p.status(ctx, who); return s != nil && s.State == string(offboarding.CaseCancelled) }); err != nil {
			return fmt.Errorf("the departure of %s was not cancelled: %w", who.id, err)
		}
		p.tenant.EnableAccount(who.id, simtenant.UserID("miriam.graham@contoso.com"))
		if who.fate == fateAgain {
			return p.post(ctx, who, "employee.terminated", soon())
		}
	}
	return nil
}

// post sends a webhook until a host takes it, with the same id each time, as HR systems do.
func (p *storming) post(ctx context.Context, who stormy, event string, leaves time.Time) error {
	data := map[string]any{"employee": offboarding.Employee{UserPrincipalName: who.upn}}
	if !leaves.IsZero() {
		data["leavingTime"] = leaves.UTC().Format(time.RFC3339Nano)
	}
	body, err := json.Marshal(map[string]any{"type": event, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "data": data})
	if err != nil {
		return err
	}
	id := "msg_" + uuid.NewString()
	for {
		p.mu.Lock()
		intake := p.intake
		p.mu.Unlock()
		if intake != "" {
			if code, err := PostSigned(ctx, intake, id, body); err == nil && code == http.StatusAccepted {
				return nil
			}
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("the %s of %s was never taken: %w", event, who.id, err)
		}
	}
}

// status is the newest case of a person as a host says it; nil while there is none, or no host.
func (p *storming) status(ctx context.Context, who stormy) *operator.Status {
	client, err := loopback.Dial(p.data)
	if err != nil {
		return nil
	}
	var whom operator.Who
	if whom.UnmarshalText([]byte(who.upn)) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	found, err := client.Status(ctx, whom)
	if err != nil || len(found) == 0 {
		return nil
	}
	return &found[len(found)-1]
}

// reports writes those of all cases that the host knows into a directory; none where that is empty.
func (p *storming) reports(ctx context.Context, dir string) error {
	if dir == "" {
		return nil
	}
	client, err := loopback.Dial(p.data)
	if err != nil {
		return err
	}
	found, err := client.Overview(ctx)
	if err != nil {
		return err
	}
	var proof ledger.Proof
	if err := resident.SignsBy(&proof, filepath.Join(p.data, resident.KeyName)); err != nil {
		return err
	}
	return writeReports(ctx, client, proof.Keys, dir, found)
}

// until waits until something is so.
func (p *storming) until(ctx context.Context, so func() bool) error {
	for !so() {
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// calm waits until every case has ended as it must, and returns them by person.
func (p *storming) calm(ctx context.Context) (map[string]*operator.Status, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, stormPatience, fmt.Errorf("the departures did not end within %s", stormPatience))
	defer cancel()
	found := map[string]*operator.Status{}
	err := p.until(ctx, func() bool {
		ended := true
		for _, who := range p.people {
			s := found[who.id]
			if s == nil || !over(who, s) {
				if s = p.status(ctx, who); s != nil {
					found[who.id] = s
				}
			}
			ended = ended && (s != nil && over(who, s) || s == nil && who.fate == fateCancelled)
		}
		return ended
	})
	return found, err
}

// over reports whether nothing moves a case any more but a person: every step is settled, or waits for one
// that is a task for somebody, such as a phone that does not come back.
func over(who stormy, s *operator.Status) bool {
	if !who.leaves() {
		return s.State == string(offboarding.CaseCancelled)
	}
	waits := func(step operator.StepStatus) bool { return !step.State.Settled() }
	task := func(step operator.StepStatus) bool { return step.State == offboarding.StateManual }
	return s.State != string(offboarding.CaseCancelled) && (!slices.ContainsFunc(s.Steps, waits) || slices.ContainsFunc(s.Steps, task))
}

// judge believes the tenant alone.
func (p *storming) judge(out io.Writer, found map[string]*operator.Status) error {
	var wrong []error
	lost := func(who stormy, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%s, who %s: %s", who.id, fateNames[who.fate], fmt.Sprintf(format, args...)))
	}
	counts := map[string]int{}
	for _, who := range p.people {
		counts[fateNames[who.fate]]++
		user, alive := p.tenant.User(who.id)
		_, deleted := p.tenant.DeletedUser(who.id)
		changes, licences := p.tenant.PasswordChanges(who.id), len(p.tenant.Licences(who.id))
		switch {
		case who.leaves() && alive && user.AccountEnabled:
			lost(who, "the account is enabled")
		case who.leaves() && !alive && !deleted:
			lost(who, "the account is neither there nor among the deleted items")
		case !who.leaves() && (!alive || !user.AccountEnabled):
			lost(who, "the account is gone or disabled")
		case who.fate == fateCancelled && (changes > 0 || licences != who.licences):
			lost(who, "the password changed %d times and %d of %d licences are left", changes, licences, who.licences)
		}
		s := found[who.id]
		if s == nil {
			if who.fate != fateCancelled { // whose cancellation overtook the request, so that no case was opened
				lost(who, "there is no case")
			}
			continue
		}
		if !over(who, s) {
			lost(who, "the case is %s: %s", s.State, s.Reason)
		}
		for _, step := range s.Steps {
			switch {
			case step.State == offboarding.StateParked:
				lost(who, "step %s is parked: %s", step.Name, step.Reason)
			case !over(who, s) && !step.State.Settled():
				lost(who, "step %s is %s: %s", step.Name, step.State, step.Reason)
			}
		}
	}
	for id, was := range p.others {
		is, alive := p.tenant.User(id)
		if !alive || is.AccountEnabled != was.AccountEnabled || is.PasswordChanges != was.PasswordChanges || len(is.Licences) != len(was.Licences) {
			wrong = append(wrong, fmt.Errorf("%s, who has no part in it, was touched", id))
		}
	}
	for _, name := range fateNames {
		_, _ = fmt.Fprintf(out, "  %-28s %d\n", name, counts[name])
	}
	_, err := fmt.Fprintf(out, "answers 503 or lost among %d kinds of requests; lost or touched: %d\n", len(p.tenant.Requests()), len(wrong))
	return errors.Join(append(wrong, err)...)
}

// sleep waits, or returns why it is over.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
