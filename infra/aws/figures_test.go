package aws_test

import (
	"archive/zip"
	"compress/flate"
	"context"
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

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// BenchmarkFigures measures every function: the size of its binary for Lambda, stripped, and of
// the package that is uploaded; and on this machine, from the start of the process to its first
// poll of the runtime API, and its peak memory after 100 people have left, each with a message or
// more for every function.
//
//	go test ./infra/aws -run '^$' -bench Figures -benchtime 10x
func BenchmarkFigures(b *testing.B) {
	d := deploy(b, 200)
	d.hundredLeave(b)
	for _, f := range offboarding.InCloud() {
		b.Run(f.Name, func(b *testing.B) {
			binary := filepath.Join(b.TempDir(), "bootstrap")
			command := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w", "-o", binary, "leaver/functions/"+f.Name+"/lambda")
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
			b.ReportMetric(float64(size)/(1<<20), "MB-binary")
			b.ReportMetric(float64(zipped)/(1<<20), "MB-zip")
			b.ReportMetric(float64(starts[len(starts)/2].Microseconds())/1000, "ms-start")
			b.ReportMetric(peak(b, function), "MB-peak")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// hundredLeave carries a hundred departures through the functions. Watch and replay, which have
// nothing to do in them, are invoked a hundred times.
func (d *deployment) hundredLeave(b *testing.B) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go d.schedule(ctx, 5*time.Second)
	var people []string
	d.tenant.Edit(func(w *simtenant.World) {
		for _, u := range w.Users {
			if u.UserType == "Member" && u.AccountEnabled && !u.Synced() && u.ManagerID != "" && !holdsRole(w, u.ID) {
				people = append(people, u.UserPrincipalName)
			}
		}
	})
	slices.Sort(people)
	if len(people) < 100 {
		b.Fatalf("the tenant has %d people who can leave", len(people))
	}
	people = people[:100]
	for i, who := range people {
		d.post(b, fmt.Sprint("msg_", i), fmt.Sprintf(`{"type":"employee.terminated","timestamp":%q,"data":{"employee":{"userPrincipalName":%q}}}`, offboarding.Stamp(time.Now()), who))
	}
	for _, who := range people {
		d.every(b, simtenant.UserID(who), func(s offboarding.StepState) bool { return s != offboarding.StatePlanned })
	}
	for range 100 {
		for _, name := range []string{"watch", "replay"} {
			if _, err := d.functions[name].invoke([]byte("{}")); err != nil {
				b.Fatalf("%s: %v", name, err)
			}
		}
	}
}

func holdsRole(w *simtenant.World, user string) bool {
	return slices.ContainsFunc(w.RoleAssignments, func(a simtenant.RoleAssignment) bool { return a.Principal == user })
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
