package embedded

import (
	"fmt"
	"log/slog"
)

// logger passes on what an operator must see and drops the server's many notices.
type logger struct{ log *slog.Logger }

func (l *logger) Errorf(format string, v ...any) { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l *logger) Warnf(format string, v ...any)  { l.log.Warn("nats: " + fmt.Sprintf(format, v...)) }

// Fatalf does not end the process, as the server's own logger would: Start finds out that
// the server is not ready.
func (l *logger) Fatalf(format string, v ...any) { l.Errorf(format, v...) }

func (l *logger) Noticef(string, ...any) {}
func (l *logger) Debugf(string, ...any)  {}
func (l *logger) Tracef(string, ...any)  {}
