// Command lambda is the intake function on AWS Lambda, behind an HTTP API.
package main

import (
	"net/http"

	"leaver/functions/intake"
	"leaver/shared/assembly"
)

func main() {
	assembly.RunIntake(func(f assembly.Intake) http.Handler {
		in := &intake.Intake{Sources: f.Sources, Bus: f.Bus, Now: f.Now, Log: f.Log, Count: f.Metrics.Webhook}
		return in.Handler()
	})
}
