package assembly

import (
	"context"
	"encoding/json"
	"log/slog"

	"leaver/shared/bus"
	"leaver/shared/doctor"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

// examination is the payload by which a function examines the installation with its own rights, and answers
// with what it found. A schedule sends it; so may whoever may invoke the function.
type examination struct {
	Examine bool `json:"examine"`
}

// longestExamination is longer than any payload that asks for one: what comes from outside, through the HTTP
// API, is never that short.
const longestExamination = 64

// ownDoctor examines what a function may do on the bus.
func ownDoctor(name string, b bus.Bus) *doctor.Doctor {
	f, _ := offboarding.FunctionOf(name)
	own := []offboarding.Function{f}
	return &doctor.Doctor{Bus: b, Functions: own, Own: own}
}

// Doctor examines the installation with what the function sees of Microsoft Graph.
func (f *Function) Doctor(name string, directory doctor.Directory, policy offboarding.Policy) *doctor.Doctor {
	d := ownDoctor(name, f.Bus)
	d.Directory, d.Ledger, d.Policy, d.Application, d.Now = directory, f.Ledger, policy, f.Application, f.Now
	d.Functions = doctor.Functions(policy)
	return d
}

// ExamineBackups has the function also say what is not as it should be with the backups of the ledger.
func (f *Function) ExamineBackups(wrong func(context.Context) (string, error)) {
	f.Examine = doctor.Backups(wrong)
}

// examined is a handler that also examines the installation when it is asked to.
func examined(h lambda.Handler, examine func(context.Context) []doctor.Finding, metrics *lambda.Metrics, log *slog.Logger) lambda.Handler {
	return lambda.HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		var asked examination
		if len(payload) > longestExamination || json.Unmarshal(payload, &asked) != nil || !asked.Examine {
			return h.Invoke(ctx, payload)
		}
		found := examine(ctx)
		metrics.Wrong(doctor.Count(found))
		for _, f := range found {
			if f.State == doctor.Wrong {
				log.Warn("not as it should be", "check", f.Check, "subject", f.Subject, "why", f.Why, "fix", f.Fix)
			}
		}
		return json.Marshal(found)
	})
}
