package terminal

import (
	"context"
	"io"
	"strings"
	"time"
)

// Watch writes what show writes whenever that looks different, until ctx is done: in the place of
// what was there before, or below it.
func Watch(ctx context.Context, w io.Writer, inPlace bool, every time.Duration, show func(io.Writer) error) error {
	const clear = "\x1b[2J\x1b[H"
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for last := ""; ; {
		var now strings.Builder
		err := show(&now)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if text := now.String(); text != last {
			last = text
			if inPlace {
				text = clear + text
			}
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
