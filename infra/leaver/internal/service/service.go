//go:build !windows

package service

import (
	"context"
	"io"
	"os"
)

// Run runs a command to its end and returns its exit code.
func Run(ctx context.Context, run func(ctx context.Context, stdout, stderr io.Writer) int) int {
	return run(ctx, os.Stdout, os.Stderr)
}
