package resident

import (
	"net"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"leaver/functions/intake"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
)

// webhooksPerSecond is what intake takes for long; twice as many at once.
const webhooksPerSecond = 200

// ServeIntake faces the HR system on that address until stop, and returns its URL.
func (h *Host) ServeIntake(addr string, sources *hris.Sources) (stop func() error, address string, err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, "", err
	}
	in := &intake.Intake{
		Sources: sources, Bus: h.Bus, Now: h.Now, Log: h.log,
		Count: h.Metrics.Webhook,
		Limit: rate.NewLimiter(webhooksPerSecond, 2*webhooksPerSecond),
	}
	server := &http.Server{
		Handler: h.Telemetry.Served(offboarding.FunctionIntake, in.Handler()), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	go func() { _ = server.Serve(listener) }()
	return server.Close, "http://" + listener.Addr().String(), nil
}
