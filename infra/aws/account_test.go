package aws_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// account is what the functions reach of AWS: the invocation of other functions, the tokens of
// outbound identity federation, secrets and parameters. Every function signs its requests with
// an access key of its own, which says which role it has.
type account struct {
	*httptest.Server
	key     *rsa.PrivateKey
	secrets map[string]string // by ARN
	invoke  func(by, function string, payload []byte) bool

	mu       sync.Mutex
	unknown  []string
	federate map[string]int // tokens given to each function
}

// issuer is that of the account's tokens.
const issuer = "https://0d8f4e3a-1111-2222-3333-444455556666.tokens.sts.global.api.aws"

func roleOf(function string) string { return "arn:aws:iam::123456789012:role/leaver-" + function }

// accessKey is the one of a function.
func accessKey(function string) string { return "AKIA" + strings.ToUpper(function) }

var (
	signedBy   = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=AKIA([A-Z]+)/\d+/eu-west-1/`)
	invocation = regexp.MustCompile(`^/2015-03-31/functions/([a-z-]+)/invocations$`)
)

func newAccount(t testing.TB) *account {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{key: key, secrets: map[string]string{}, federate: map[string]int{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	return a
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who := signedBy.FindStringSubmatch(r.Header.Get("Authorization"))
	if who == nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	caller := strings.ToLower(who[1])
	body, _ := io.ReadAll(r.Body)
	switch target := r.Header.Get("X-Amz-Target"); {
	case invocation.MatchString(r.URL.Path):
		function := strings.TrimPrefix(invocation.FindStringSubmatch(r.URL.Path)[1], "leaver-")
		if r.Header.Get("X-Amz-Invocation-Type") != "Event" || !a.invoke(caller, function, body) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	case target == "secretsmanager.GetSecretValue", target == "AmazonSSM.GetParameter":
		var in struct{ SecretId, Name string }
		_ = json.Unmarshal(body, &in)
		value, known := a.secrets[in.SecretId+in.Name]
		if !known {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]any{"SecretString": value, "Parameter": map[string]string{"Value": value}})
	case strings.Contains(string(body), "Action=GetWebIdentityToken"):
		a.mu.Lock()
		a.federate[caller]++
		a.mu.Unlock()
		end := time.Now().Add(5 * time.Minute)
		token, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{
			Issuer: issuer, Subject: roleOf(caller), Audience: jwt.ClaimStrings{"api://AzureADTokenExchange"}, ExpiresAt: jwt.NewNumericDate(end),
		}).SignedString(a.key)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = fmt.Fprintf(w, `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult><WebIdentityToken>%s</WebIdentityToken>`+
			`<Expiration>%s</Expiration></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`, token, end.UTC().Format(time.RFC3339))
	default:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.unknown = append(a.unknown, r.Method+" "+r.URL.Path+" "+target)
		w.WriteHeader(http.StatusBadRequest)
	}
}
