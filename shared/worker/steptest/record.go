package steptest

import (
	"io"
	"os"
	"sync"
)

// RecordVariable names a file that gets every request to Microsoft Graph which the tests make,
// as JSON lines: to be judged against Microsoft's own metadata.
const RecordVariable = "LEAVER_RECORD"

var record = sync.OnceValue(func() io.Writer {
	name := os.Getenv(RecordVariable)
	if name == "" {
		return io.Discard
	}
	// Packages are tested in processes of their own, all of which append.
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	return file
})

// Record is where the tenants of tests record.
func Record() io.Writer { return record() }

// recording leaves out what lacks a permission on purpose: a record of a batch does not say
// which of its requests were refused.
type recording struct{ house *Harness }

func (r recording) Write(p []byte) (int, error) {
	if r.house.Lacks != "" {
		return len(p), nil
	}
	return Record().Write(p)
}
