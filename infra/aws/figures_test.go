package aws_test

import (
	"archive/zip"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// BenchmarkFigures measures every function: the size of its binary for Lambda, stripped, and of
// the package that is uploaded; and on this machine, from the start of the process to its first
// poll of the runtime API, and its peak memory after 100 messages.
//
//	go test ./infra/aws -run '^$' -bench Figures -benchtime 10x
func BenchmarkFigures(b *testing.B) {
	d := deploy(b)
	for _, f := range offboarding.Functions() {
		b.Run(f.Name, func(b *testing.B) {
			binary := filepath.Join(b.TempDir(), "bootstrap")
			command := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", binary, "leaver/functions/"+f.Name+"/lambda")
			command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=arm64")
			if out, err := command.CombinedOutput(); err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			size, zipped := sizes(b, binary)
			function := d.functions[f.Name]
			var starts []time.Duration
			for b.Loop() {
				began := time.Now()
				p, err := start(function.binary, function.environ, io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				<-p.polled
				starts = append(starts, time.Since(began))
				_ = p.command.Process.Kill()
				<-p.over
			}
			slices.Sort(starts)
			hundred(b, function)
			b.ReportMetric(float64(size)/(1<<20), "MB-binary")
			b.ReportMetric(float64(zipped)/(1<<20), "MB-zip")
			b.ReportMetric(float64(starts[len(starts)/2].Microseconds())/1000, "ms-start")
			b.ReportMetric(peak(b, function), "MB-peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// hundred invokes a function with what it does a hundred times: the messages that a queue
// function gets in one invocation are none that the ledger knows.
func hundred(b *testing.B, f *function) {
	b.Helper()
	if !isQueue(f.name) {
		for range 100 {
			_, _ = f.invoke([]byte("{}"))
		}
		return
	}
	var messages []json.RawMessage
	for i := range 100 {
		m, err := bus.Step{
			Tenant: "t", Case: fmt.Sprint("case-", i), PlanVersion: 1, Step: offboarding.StepName(f.name), N: 1, Leaver: "l",
		}.Message(time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, m.Body)
	}
	payload, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := f.invoke(payload); err != nil {
		b.Fatal(err)
	}
	if _, err := f.invoke([]byte("{}")); err != nil { // they are on the bus now
		b.Fatal(err)
	}
}

// sizes are those of a binary and of the zip that Lambda gets.
func sizes(b *testing.B, binary string) (size, zipped int64) {
	b.Helper()
	text, err := os.ReadFile(binary)
	if err != nil {
		b.Fatal(err)
	}
	var n counter
	archive := zip.NewWriter(&n)
	archive.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.DefaultCompression) })
	entry, err := archive.Create("bootstrap")
	if err == nil {
		_, err = entry.Write(text)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	return int64(len(text)), int64(n)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that the process of a function had, in MB.
func peak(b *testing.B, f *function) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.process.command.Process.Pid))
	if err != nil {
		b.Skip("peak memory is read on Linux")
	}
	var kB float64
	if _, err := fmt.Sscan(highWater.FindStringSubmatch(strings.TrimSpace(string(status)))[1], &kB); err != nil {
		b.Fatal(err)
	}
	return kB / 1024
}
