// Package embedded runs a NATS server with JetStream inside the process: the broker and the
// ledger's store of a Leaver that has nothing else to lean on. It listens on no port; the
// process reaches it through a pipe.
package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Errors of Start.
var (
	// ErrInUse: another process (or another server of this one) holds the data directory.
	ErrInUse = errors.New("the data directory is in use")
	// ErrNotWritable: the data directory cannot be made or written to.
	ErrNotWritable = errors.New("the data directory is not writable")
	// ErrNotAlone: others may write to the data directory, and so to the ledger.
	ErrNotAlone = errors.New("the data directory is open to others")
)

// The files of the data directory.
const (
	lockName  = "leaver.lock"
	storeName = "nats"
)

// startTimeout bounds the start, which replays the store: generous, since a large store on
// a slow disk is not an error.
const startTimeout = 2 * time.Minute

// Options are what can be chosen about a server. The zero value is what production uses.
type Options struct {
	// NoSync acknowledges a write before it is on disk, which is many times faster and
	// loses the last moments when the machine (not the process) dies. For tests.
	NoSync bool
	// Logger takes the server's warnings and errors; nil is slog.Default().
	Logger *slog.Logger
}

// Server is a running server. It holds its data directory until Close.
type Server struct {
	ns   *server.Server
	lock *flock.Flock

	mu     sync.Mutex
	conns  []*nats.Conn
	closed bool
}

// Start runs a server that keeps everything under dir, which is made when it does not
// exist, and returns when it is ready. Two servers on one store would each take and lose a
// part of the messages, so the directory is locked first. Errors: ErrInUse, ErrNotWritable,
// ErrNotAlone, or that the server did not start.
func Start(dir string, o Options) (*Server, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the data directory: %w", err)
	}
	lock, err := Hold(dir)
	if err != nil {
		return nil, err
	}
	ns, err := run(filepath.Join(dir, storeName), o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting NATS on %s: %w", dir, err), lock.Unlock())
	}
	return &Server{ns: ns, lock: lock}, nil
}

// Hold makes the directory and takes its lock, without waiting for it, as Start does. Errors:
// ErrInUse, ErrNotWritable, ErrNotAlone.
func Hold(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, notWritable(dir, err)
	}
	if err := ownedAlone(dir); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, lockName), flock.SetPermissions(0o600))
	free, err := lock.TryLock()
	if err != nil {
		return nil, notWritable(dir, err)
	}
	if !free {
		return nil, fmt.Errorf("%w: %s is held by another Leaver process; stop that one, or choose another directory with --data", ErrInUse, dir)
	}
	// The lock file may be older than the loss of the right to write beside it.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return nil, errors.Join(notWritable(dir, err), lock.Unlock())
	}
	return lock, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func notWritable(dir string, err error) error {
	return fmt.Errorf("%w: %s: %w; give this user the right to write there, or choose another directory with --data", ErrNotWritable, dir, err)
}

func run(store string, o Options) (*server.Server, error) {
	ns, err := server.NewServer(&server.Options{
		ServerName: "leaver",
		DontListen: true,
		JetStream:  true,
		StoreDir:   store,
		// A PubAck precedes the fsync otherwise, and "the bus has it" would be a guess.
		SyncAlways: !o.NoSync,
		NoSigs:     true, // signals belong to the host
	})
	if err != nil {
		return nil, err
	}
	log := o.Logger
	if log == nil {
		log = slog.Default()
	}
	ns.SetLoggerV2(&logger{log: log}, false, false, false)
	go ns.Start()
	if !ns.ReadyForConnections(startTimeout) {
		stop(ns)
		return nil, fmt.Errorf("not ready after %s", startTimeout)
	}
	if !ns.JetStreamEnabled() {
		// The server logs why and runs on without its store.
		stop(ns)
		return nil, errors.New("JetStream is not available, see the log")
	}
	return ns, nil
}

func stop(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}

// Connect returns a new connection through a pipe. The bus closes the connection that it was
// given, the ledger leaves its own open. Close ends all of them.
func (s *Server) Connect() (*nats.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("connecting to the embedded NATS: it is closed")
	}
	conn, err := nats.Connect("", nats.InProcessServer(s.ns), nats.Name("leaver"), nats.MaxReconnects(-1))
	if err != nil {
		return nil, fmt.Errorf("connecting to the embedded NATS: %w", err)
	}
	s.conns = append(s.conns, conn)
	return conn, nil
}

// Close shuts the server down, waits until its store is written, and gives the data
// directory back. A second Close does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for _, conn := range s.conns {
		conn.Close()
	}
	stop(s.ns)
	if err := s.lock.Unlock(); err != nil {
		return fmt.Errorf("giving back the data directory: %w", err)
	}
	return nil
}
