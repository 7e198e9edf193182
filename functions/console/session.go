package console

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"leaver/shared/offboarding"
)

// role is an app role of the console's registration, which Entra assigns.
type role string

// The roles. Who may operate or approve may read.
const (
	roleRead    role = "Leaver.Read"
	roleOperate role = "Leaver.Operate"
	roleApprove role = "Leaver.Approve"
)

// Roles are the app roles that the console's registration declares, and what each lets people do.
var Roles = map[string]string{
	string(roleRead):    "see departures, plans, limits and sources",
	string(roleOperate): "begin, release, cancel, sign off and replay departures; freeze the installation",
	string(roleApprove): "approve what waits for another person's word",
}

// sessionLasts is for how long a session counts. It cannot be taken back before that, so it is short:
// a role that Entra has taken away, or an account that is disabled, counts no longer than that.
const sessionLasts = time.Hour

// session is who has signed in, as the cookie says.
type session struct {
	Person offboarding.Person `json:"person"` // proved by a token
	Roles  []role             `json:"roles"`
	CSRF   string             `json:"csrf"`
	Since  int64              `json:"since"` // seconds of Unix time
}

func (s session) since() time.Time { return time.Unix(s.Since, 0) }

// may reports whether somebody has a role, or one that includes it.
func (s session) may(r role) bool {
	return slices.Contains(s.Roles, r) || r == roleRead && len(s.Roles) > 0
}

// roles are those of the session, in words.
func (s session) roles() string {
	if len(s.Roles) == 0 {
		return "none"
	}
	var names []string
	for _, r := range s.Roles {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// cookies keep what only this console can read and nobody can change: JSON Web Tokens, encrypted by
// AES-GCM with a key of its own, and told apart by their audience.
type cookies struct {
	key    []byte
	secure bool
	now    func() time.Time
	sealer jose.Encrypter
}

const keySize = 32

// KeyOf makes the key of the cookies of a text that nobody can guess.
func KeyOf(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	if len(text) < keySize {
		return nil, fmt.Errorf("it has %d characters: make one of %d or more, such as by openssl rand -base64 32", len(text), keySize)
	}
	return hkdf.Key(sha256.New, []byte(text), nil, "leaver console cookies", keySize)
}

func newCookies(key []byte, secure bool, now func() time.Time) (*cookies, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("the key of the console's cookies has %d bytes, and needs %d", len(key), keySize)
	}
	sealer, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, (&jose.EncrypterOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("the key of the console's cookies: %w", err)
	}
	return &cookies{key: key, secure: secure, now: now, sealer: sealer}, nil
}

// name is a cookie's, which a browser takes from this host alone where it is sent encrypted.
func (c *cookies) name(of string) string {
	if c.secure {
		return "__Secure-leaver-" + of
	}
	return "leaver-" + of
}

// cookieAudience is who a cookie is for.
const cookieAudience = "leaver console "

// set makes a cookie that says what, for a time, to what is below a path.
func (c *cookies) set(w http.ResponseWriter, of, path string, lasts time.Duration, what any) error {
	kind, _, _ := strings.Cut(of, "-")
	text, err := jwt.Encrypted(c.sealer).Claims(jwt.Claims{
		Audience: jwt.Audience{cookieAudience + kind}, Expiry: jwt.NewNumericDate(c.now().Add(lasts)),
	}).Claims(map[string]any{"what": what}).Serialize()
	if err != nil {
		return fmt.Errorf("sealing a cookie: %w", err)
	}
	http.SetCookie(w, &http.Cookie{
		Name: c.name(of), Value: text, Path: path, MaxAge: int(lasts / time.Second),
		// Lax and not Strict: the way back from Entra begins on another site, and a link in a notice too.
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
	return nil
}

// clear takes a cookie away.
func (c *cookies) clear(w http.ResponseWriter, of, path string) {
	http.SetCookie(w, &http.Cookie{Name: c.name(of), Path: path, MaxAge: -1, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode})
}

// get reads what a cookie says; false where there is none, or it was made by somebody else, for
// something else, or too long ago.
func (c *cookies) get(r *http.Request, of string, what any) bool {
	cookie, err := r.Cookie(c.name(of))
	if err != nil || len(cookie.Value) > mostCookie {
		return false
	}
	token, err := jwt.ParseEncrypted(cookie.Value, []jose.KeyAlgorithm{jose.DIRECT}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return false
	}
	var claims jwt.Claims
	kind, _, _ := strings.Cut(of, "-")
	if err := token.Claims(c.key, &claims, &struct {
		What any `json:"what"`
	}{what}); err != nil || claims.Expiry == nil {
		return false
	}
	return claims.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{cookieAudience + kind}, Time: c.now()}, 0) == nil
}

// mostCookie is what a browser keeps of a cookie, in bytes.
const mostCookie = 4096

const cookieSession = "session"

// session is who sent a request.
func (c *cookies) session(r *http.Request) (session, bool) {
	var who session
	is := c.get(r, cookieSession, &who)
	return who, is && who.Person.Verified() && who.CSRF != ""
}
