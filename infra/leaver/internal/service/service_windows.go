package service

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows/svc"
)

// Run runs a command to its end and returns its exit code. As a service of Windows it says so to the
// service control manager, ends the command when that asks for it, and writes to the file leaver.log
// under %ProgramData%\Leaver, because a service has nowhere else to write to.
// Source: Microsoft Learn, Service Control Handler Function.
func Run(ctx context.Context, run func(ctx context.Context, stdout, stderr io.Writer) int) int {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return run(ctx, os.Stdout, os.Stderr)
	}
	dir := filepath.Join(os.Getenv("ProgramData"), "Leaver")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 1
	}
	log, err := os.OpenFile(filepath.Join(dir, "leaver.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	defer func() { _ = log.Close() }()
	h := &handler{ctx: ctx, run: func(ctx context.Context) int { return run(ctx, log, log) }}
	if err := svc.Run("leaver", h); err != nil {
		return 1
	}
	return h.code
}

type handler struct {
	ctx  context.Context
	run  func(context.Context) int
	code int
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, asked <-chan svc.ChangeRequest, says chan<- svc.Status) (ownCode bool, code uint32) {
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	says <- svc.Status{State: svc.StartPending}
	ended := make(chan int, 1)
	go func() { ended <- h.run(ctx) }()
	says <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case h.code = <-ended:
			return true, uint32(h.code) // not 0: the manager restarts it, if it is told to
		case r := <-asked:
			switch r.Cmd {
			case svc.Interrogate:
				says <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				says <- svc.Status{State: svc.StopPending}
				stop()
			}
		}
	}
}
