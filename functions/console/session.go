package console

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

type role = operator.Role

const roleRead, roleOperate, roleApprove = operator.Read, operator.Operate, operator.Approve

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
	prefix string // of their names
	path   string // to which they are sent
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

// newCookies makes the cookies of a console at an address.
//
// Over HTTPS their names begin with __Host-, so that a browser takes them from this host alone: neither a
// page without TLS nor a host beside it in the same domain can put a session of its own in their place.
// That demands the path /; what else is at the console's address is Leaver's own intake, which looks at
// no cookie. Source: RFC 6265bis, section 4.1.3.2.
//
// Without TLS, on a loopback address, a browser keeps cookies by host and not by port: the name says the
// port, so that two consoles on one machine do not sign people out of each other.
func newCookies(key []byte, at *url.URL, now func() time.Time) (*cookies, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("the key of the console's cookies has %d bytes, and needs %d", len(key), keySize)
	}
	sealer, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.DIRECT, Key: key}, (&jose.EncrypterOptions{}).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("the key of the console's cookies: %w", err)
	}
	c := &cookies{key: key, prefix: "__Host-leaver-", path: "/", secure: at.Scheme == "https", now: now, sealer: sealer}
	if !c.secure {
		c.prefix, c.path = "leaver-"+at.Port()+"-", Base
	}
	return c, nil
}

// name is a cookie's.
func (c *cookies) name(of string) string { return c.prefix + of }

// cookieAudience is who a cookie is for.
const cookieAudience = "leaver console "

// set makes a cookie that says what, for a time.
func (c *cookies) set(w http.ResponseWriter, of string, lasts time.Duration, what any) error {
	kind, _, _ := strings.Cut(of, "-")
	text, err := jwt.Encrypted(c.sealer).Claims(jwt.Claims{
		Audience: jwt.Audience{cookieAudience + kind}, Expiry: jwt.NewNumericDate(c.now().Add(lasts)),
	}).Claims(map[string]any{"what": what}).Serialize()
	if err != nil {
		return fmt.Errorf("sealing a cookie: %w", err)
	}
	http.SetCookie(w, &http.Cookie{
		Name: c.name(of), Value: text, Path: c.path, MaxAge: int(lasts / time.Second),
		// Lax and not Strict: the way back from Entra begins on another site, and a link in a notice too.
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	})
	return nil
}

// clear takes a cookie away.
func (c *cookies) clear(w http.ResponseWriter, of string) {
	http.SetCookie(w, &http.Cookie{Name: c.name(of), Path: c.path, MaxAge: -1, HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode})
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

// signedOut are the sessions that were signed out of in this process, until they would have ended by
// themselves: a cookie that somebody has copied opens nothing then. Other processes do not know it.
type signedOut struct {
	mu    sync.Mutex
	until map[string]time.Time // by the token of the session
}

// add ends a session.
func (e *signedOut) add(who session, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.until, func(_ string, until time.Time) bool { return until.Before(now) })
	if e.until == nil {
		e.until = map[string]time.Time{}
	}
	e.until[who.CSRF] = who.since().Add(sessionLasts)
}

func (e *signedOut) has(who session) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, is := e.until[who.CSRF]
	return is
}

// session is who sent a request; false when nobody has signed in, or they have signed out.
func (c *Console) session(r *http.Request) (session, bool) {
	who, is := c.cookies.session(r)
	if !is || c.ended.has(who) {
		return session{}, false
	}
	return who, true
}

// session is who sent a request.
func (c *cookies) session(r *http.Request) (session, bool) {
	var who session
	is := c.get(r, cookieSession, &who)
	return who, is && who.Person.Verified() && who.CSRF != ""
}
