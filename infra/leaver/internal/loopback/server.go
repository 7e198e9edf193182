// Package loopback is how the commands of this machine's operator reach the host that runs here:
// every question of package operator is an [operation], which the [Client] asks and the host answers.
package loopback

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"leaver/functions/replay"
	"leaver/shared/doctor"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/report"
	"leaver/shared/telemetry"
)

// entry is how the commands find the running host: DIR/operator.json, mode 0600.
type entry struct {
	Address string `json:"address"` // URL on the loopback interface
	Token   string `json:"token"`
}

const entryName = "operator.json"

// Server answers the operator about the departures of a host.
type Server struct {
	*operator.Desk
	Metrics *telemetry.Metrics // nil = none are shown
	// Doctor examines the installation; nil where the host cannot.
	Doctor *doctor.Doctor
	// Backups are the findings about the copies of the ledger; nil where this host is not told where they go.
	Backups func(context.Context) []doctor.Finding
}

// Serve answers on the loopback interface, to who can read DIR/operator.json, until stop.
func (s *Server) Serve(dir string) (stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := entry{Address: "http://" + listener.Addr().String(), Token: rand.Text()}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, entryName)
	if err := replace(path, text); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	if s.Metrics != nil { // without the token, for a collector on this machine: they hold no personal data
		mux.Handle("GET /metrics", s.Metrics.Handler())
	}
	mux.Handle("/", authorized(e.Token, s.operations()))
	server := &http.Server{Handler: addressed(listener.Addr().String(), mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() error { return errors.Join(server.Close(), os.Remove(path)) }, nil
}

func (s *Server) operations() http.Handler {
	mux := http.NewServeMux()
	desk := s.Desk
	statusOperation.on(mux, desk)
	requestOperation.on(mux, desk)
	planOperation.on(mux, desk)
	cancelOperation.on(mux, desk)
	replayOperation.on(mux, desk)
	signOffOperation.on(mux, desk)
	releaseOperation.on(mux, desk)
	approveOperation.on(mux, desk)
	allowOperation.on(mux, desk)
	freezeOperation.on(mux, desk)
	brakesOperation.on(mux, desk)
	reportOperation.on(mux, desk)
	verifyOperation.on(mux, desk)
	adoptOperation.on(mux, desk)
	asideOperation.on(mux, desk)
	mux.HandleFunc("POST "+exportPath, func(w http.ResponseWriter, r *http.Request) { export(w, r, desk) })
	if s.Doctor != nil {
		examine := doctorOperation
		examine.answer = func(_ *operator.Desk, ctx context.Context, _ struct{}) ([]doctor.Finding, error) {
			return s.Doctor.Examine(ctx), nil
		}
		examine.on(mux, desk)
	}
	copies := backupsOperation
	copies.answer = func(_ *operator.Desk, ctx context.Context, _ struct{}) ([]doctor.Finding, error) {
		return s.backups(ctx), nil
	}
	copies.on(mux, desk)
	undoOperation.on(mux, desk)
	return mux
}

// storagePatience is how long whoever asks for a status waits for the storage of the backups.
const storagePatience = 5 * time.Second

func (s *Server) backups(ctx context.Context) []doctor.Finding {
	if s.Backups == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, storagePatience)
	defer stop()
	return s.Backups(ctx)
}

// replace puts a file that only its owner reads in the place of whatever had that name. The new file is
// made where none was (O_EXCL: no symbolic link is followed) and renamed, which replaces a link
// and not what it leads to.
func replace(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".operator-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

// addressed answers only what is sent to this host by its address: a browser that a foreign name was
// pointed here with sends that name (DNS rebinding).
func addressed(address string, next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(address)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != address && r.Host != net.JoinHostPort("localhost", port) {
			http.Error(w, "this host is not called so", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func authorized(token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "not the operator of this host", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// question asks for the cases and parked requests of somebody, or of everybody.
type question struct {
	Who operator.Who `json:"who"`
	// Short is set when everybody is asked for without what was observed.
	Short bool `json:"short,omitempty"`
}

// Every question and act, where it is asked.
var (
	statusOperation = operation[question, []operator.Status]{"/status", func(d *operator.Desk, ctx context.Context, ask question) ([]operator.Status, error) {
		if ask.Short {
			return d.Overview(ctx)
		}
		return d.Status(ctx, ask.Who)
	}}
	requestOperation = operation[offboarding.Request, operator.Sent]{"/requests", (*operator.Desk).Offboard}
	planOperation    = operation[offboarding.Request, operator.Planned]{"/plan", (*operator.Desk).Plan}
	cancelOperation  = operation[operator.Cancellation, []operator.Status]{"/cancel", (*operator.Desk).Cancel}
	replayOperation  = operation[operator.Replay, []replay.Item]{"/replay", (*operator.Desk).Replay}
	signOffOperation = operation[operator.SignOff, operator.Status]{"/sign-off", (*operator.Desk).SignOff}
	releaseOperation = operation[operator.Release, []operator.Status]{"/release", (*operator.Desk).Release}
	approveOperation = operation[operator.Approval, operator.Status]{"/approve", (*operator.Desk).Approve}
	allowOperation   = operation[operator.Allowance, operator.Brakes]{"/allow", (*operator.Desk).Allow}
	freezeOperation  = operation[operator.Freeze, operator.Brakes]{"/freeze", (*operator.Desk).Freeze}
	brakesOperation  = operation[struct{}, operator.Brakes]{"/limits", func(d *operator.Desk, ctx context.Context, _ struct{}) (operator.Brakes, error) {
		return d.Brakes(ctx)
	}}
	// What answers it is the host's doctor.
	doctorOperation = operation[struct{}, []doctor.Finding]{path: "/doctor"}
	// What answers it is the host's function backup.
	backupsOperation = operation[struct{}, []doctor.Finding]{path: "/backups"}
	undoOperation    = operation[operator.Undo, operator.Undoing]{"/undo", (*operator.Desk).Undo}
	reportOperation  = operation[question, report.Report]{"/report", func(d *operator.Desk, ctx context.Context, ask question) (report.Report, error) {
		return d.Report(ctx, ask.Who)
	}}
)

// operation is what can be asked at a path, in JSON both ways.
type operation[In, Out any] struct {
	path   string
	answer func(*operator.Desk, context.Context, In) (Out, error)
}

// maxQuestion bounds what is read of a question, in bytes: an event to publish again is the longest.
const maxQuestion = 1 << 20

// on serves the operation.
func (o operation[In, Out]) on(mux *http.ServeMux, desk *operator.Desk) {
	mux.HandleFunc("POST "+o.path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&in); err != nil {
			http.Error(w, "the question cannot be read", http.StatusBadRequest)
			return
		}
		out, err := o.answer(desk, r.Context(), in)
		if err != nil {
			http.Error(w, err.Error(), operator.StatusCode(err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(out)
	})
}
