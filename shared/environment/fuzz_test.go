package environment_test

import (
	"strings"
	"testing"

	"leaver/shared/environment"
)

// FuzzRead reads any environment as a function's and as intake's: what is wrong is an error that repeats
// no value of a secret.
func FuzzRead(f *testing.F) {
	f.Add("LEAVER_TENANT_ID=t\nLEAVER_CLIENT_ID=c\nLEAVER_SERVICEBUS=n\nLEAVER_TABLES=https://t\nLEAVER_CONCURRENCY=8")
	f.Add("LEAVER_CLIENT_SECRET=hunter2hunter2\nLEAVER_CONCURRENCY=x\nLEAVER_IDENTITY=secret")
	f.Add("AZURE_CLIENT_ID=c\nAZURE_TENANT_ID=t\n=\nLEAVER_LEDGER_KEYS==")
	f.Fuzz(func(t *testing.T, text string) {
		environ := append(strings.Split(text, "\n"), "LEAVER_SERVICEBUS_CONNECTION=Endpoint=sb://x/;SharedAccessKey=hunter2hunter2")
		_, err := environment.Read[environment.Function](environ)
		if err != nil && strings.Contains(err.Error(), "hunter2hunter2") {
			t.Errorf("the error repeats a secret: %v", err)
		}
		_, _ = environment.Read[environment.Intake](environ)
		_ = environment.Given[environment.Host](environ)
	})
}
