package loopback

import (
	"context"
	"encoding/json"
	"net/http"

	"leaver/shared/ledger"
	"leaver/shared/operator"
)

var (
	verifyOperation = operation[[]operator.Who, []ledger.Verification]{"/verify", (*operator.Desk).Verify}
	adoptOperation  = operation[operator.Adoption, []ledger.Verification]{"/adopt", (*operator.Desk).Adopt}
	asideOperation  = operation[operator.Adoption, []ledger.Verification]{"/set-aside", (*operator.Desk).SetAside}
)

const exportPath = "/export"

// whole is the trailer that says that nothing is missing of an export.
const whole = "Leaver-Whole"

// export writes every history, one a line: as a stream, because a ledger may be large.
func export(w http.ResponseWriter, r *http.Request, desk *operator.Desk) {
	w.Header().Set("Trailer", whole)
	w.Header().Set("Content-Type", "application/jsonl")
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	err := desk.Ledger.Export(context.WithoutCancel(r.Context()), func(c ledger.Copy) error { return encoder.Encode(c) })
	if err == nil {
		w.Header().Set(whole, "yes")
	}
}
