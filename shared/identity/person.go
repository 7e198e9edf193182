package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// Person is the object id and the name of the person whose token that is; both are empty where it is an
// application's. The token is for Graph, which alone can check its signature: it is believed because
// the credential got it from Entra.
// Source: Microsoft identity platform, access token claims: oid, upn, and scp of delegated tokens.
func (c Connection) Person(ctx context.Context) (id, name string, err error) {
	token, err := c.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.GraphScope}})
	if err != nil {
		return "", "", err
	}
	var claims struct {
		OID   string `json:"oid"`
		UPN   string `json:"upn"`
		Scope string `json:"scp"`
	}
	if parts := strings.Split(token.Token, "."); len(parts) == 3 {
		if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(payload, &claims) // a token that cannot be read proves nobody
		}
	}
	if claims.Scope == "" {
		return "", "", nil
	}
	return claims.OID, claims.UPN, nil
}
