package identity

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

type saying string

func (s saying) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(s)}, nil
}

// FuzzTokens reads any text as a token, as Entra's refusal of one, and as the file of a tenant: nobody is proved
// by what is no delegated token.
func FuzzTokens(f *testing.F) {
	for _, claims := range []string{`{"oid":"o","upn":"miriam.graham@contoso.com","scp":"User.Read"}`, `{"oid":7,"scp":[]}`, `null`, ``} {
		f.Add("e30."+base64.RawURLEncoding.EncodeToString([]byte(claims))+".s", claims)
	}
	f.Add("..", `{"error_codes":[700213,-1],"trace_id":"t"}`)
	f.Add("a.b", `{"tenantId":"t","graph":"://","cloud":"usgov"}`)
	f.Fuzz(func(t *testing.T, token, text string) {
		id, name, err := Connection{Credential: saying(token)}.Person(t.Context())
		if err != nil || (id != "" || name != "") && strings.Count(token, ".") != 2 {
			t.Errorf("%q proves %q %q, %v", token, id, name, err)
		}
		r := refusalIn(&http.Response{StatusCode: 400, Body: io.NopCloser(strings.NewReader(text))})
		_, _ = r.String(), r.unfederated()
		if tenant, err := Parse([]byte(text)); err == nil {
			_, _ = tenant.Connect(&http.Client{})
		}
	})
}
