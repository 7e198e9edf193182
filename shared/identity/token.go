package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"leaver/shared/offboarding"

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
		return fmt.Errorf("get a token: %w", err)
	}
	res := failed.RawResponse
	err = fmt.Errorf("get a token: Entra answered %d%s", res.StatusCode, codes(res))
	switch {
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		if seconds, bad := strconv.Atoi(res.Header.Get("Retry-After")); bad == nil {
			return offboarding.Throttled(time.Duration(seconds)*time.Second, err)
		}
		return err
	case res.StatusCode >= 400 && res.StatusCode != http.StatusRequestTimeout:
		return offboarding.Permanent(err)
	}
	return err
}

// codes are the AADSTS numbers of an error answer and its trace id, in front of a blank.
func codes(res *http.Response) string {
	var body struct {
		Codes []int  `json:"error_codes"`
		Trace string `json:"trace_id"`
	}
	text, err := runtime.Payload(res)
	if err != nil || json.Unmarshal(text, &body) != nil {
		return ""
	}
	s := ""
	for _, c := range body.Codes {
		s += " AADSTS" + strconv.Itoa(c)
	}
	if body.Trace != "" {
		s += " (trace " + body.Trace + ")"
	}
	return s
}
