package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// credential says in the domain's words why there is no token.
type credential struct{ azcore.TokenCredential }

func (c credential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.TokenCredential.GetToken(ctx, options)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // azidentity keeps only its text
	}
	return token, classify(err)
}

// classify makes a refusal of Entra permanent: a wrong or expired secret has to be replaced
// by a person. Everything else may pass.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || failed.RawResponse == nil {
		return fmt.Errorf("getting a token: %w", err)
	}
	res := failed.RawResponse
	refusal := refusalIn(res)
	err = fmt.Errorf("getting a token: Entra answered %d%s", res.StatusCode, refusal)
	switch {
	case refusal.unfederated():
		return err
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		if d, said := retryafter.Of(res.Header); said {
			return offboarding.Throttled(d, err)
		}
		return err
	case res.StatusCode >= 400 && res.StatusCode != http.StatusRequestTimeout:
		return offboarding.Permanent(err)
	}
	return err
}

// refusal is what Entra says in an error answer.
type refusal struct {
	Codes []int  `json:"error_codes"`
	Trace string `json:"trace_id"`
}

func refusalIn(res *http.Response) (r refusal) {
	if text, err := runtime.Payload(res); err != nil || json.Unmarshal(text, &r) != nil {
		return refusal{}
	}
	return r
}

// String is the AADSTS numbers and the trace id, in front of a blank.
func (r refusal) String() string {
	s := ""
	for _, c := range r.Codes {
		s += " AADSTS" + strconv.Itoa(c)
	}
	if r.Trace != "" {
		s += " (trace " + r.Trace + ")"
	}
	return s
}

// unfederated reports that Entra knows no federated credential for the assertion: 70021, or the
// newer 700211 to 700213 for issuer, audience and subject. One that was just added takes a
// while to be known everywhere, so this may pass.
// Source: Microsoft Entra, Workload identity federation, Considerations, Propagation delays.
func (r refusal) unfederated() bool {
	return slices.ContainsFunc(r.Codes, func(c int) bool { return c == 70021 || c/10 == 70021 })
}
