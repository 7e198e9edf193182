package aws_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// account is what the functions reach of AWS: the invocation of other functions, the tokens of
// outbound identity federation, secrets and parameters. Every function signs its requests with
// an access key of its own, which says which role it has.
type account struct {
	*httptest.Server
	key     *rsa.PrivateKey
	signing *ecdsa.PrivateKey // in the key management service
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
	signing, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &account{key: key, signing: signing, secrets: map[string]string{}, federate: map[string]int{}}
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
	case strings.HasPrefix(target, "TrentService."):
		a.sign(w, caller, strings.TrimPrefix(target, "TrentService."), body)
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

// sign is the key management service: it does what the role of the caller allows.
func (a *account) sign(w http.ResponseWriter, caller, operation string, body []byte) {
	var in struct {
		KeyId, MessageType, SigningAlgorithm string
		Message                              []byte
	}
	_ = json.Unmarshal(body, &in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	f, _ := offboarding.FunctionOf(caller)
	switch {
	case !f.Signs || in.KeyId != samples["SigningKeyArn"]:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"AccessDeniedException"}`)
	case operation == "GetPublicKey":
		der, _ := x509.MarshalPKIXPublicKey(a.signing.Public())
		_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": in.KeyId, "KeySpec": "ECC_NIST_P256", "PublicKey": der})
	case operation == "Sign" && in.MessageType == "DIGEST" && in.SigningAlgorithm == "ECDSA_SHA_256" && len(in.Message) == 32:
		signature, _ := ecdsa.SignASN1(rand.Reader, a.signing, in.Message)
		_ = json.NewEncoder(w).Encode(map[string]any{"KeyId": in.KeyId, "Signature": signature, "SigningAlgorithm": in.SigningAlgorithm})
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"ValidationException"}`)
	}
}

// proof takes the signatures of the account's key for those of a tenant's ledger.
func (a *account) proof(tenant string) ledger.Proof {
	key, err := ledger.NewKey(a.signing.Public())
	if err != nil {
		panic(err)
	}
	resident, err := ledger.NewKey(residentKey.Public())
	if err != nil {
		panic(err)
	}
	return ledger.Proof{Tenant: tenant, Keys: []ledger.Key{key, resident}}
}

// residentKey is that of hosts beside the functions; theirs is in the key management service.
var residentKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// keysOf are the keys of a proof as LEAVER_LEDGER_KEYS has them.
func keysOf(proof ledger.Proof) string {
	var keys []string
	for _, k := range proof.Keys {
		keys = append(keys, k.String())
	}
	return strings.Join(keys, " ")
}
