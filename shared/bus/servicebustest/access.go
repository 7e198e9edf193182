package servicebustest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// Identity is who may connect: the holder of a shared access key or of a JWT in this name.
type Identity struct {
	Name   string // SharedAccessKeyName, or whose the JWT is
	Key    string // by default a random one
	Rights []Right
}

// Right lets an identity send to and listen at an entity: "" is all of them, a topic includes
// its subscriptions, and a queue or subscription its dead letters.
// Source: Azure Service Bus Data Sender, Data Receiver and, to manage, Data Owner, which are assigned per entity.
type Right struct {
	Entity       string
	Send, Listen bool
	Manage       bool
}

// claim is a token that the client put, for one entity.
type claim struct {
	identity *Identity
	expires  time.Time // on the real clock
}

// putToken answers a request to $cbs.
func (c *connection) putToken(m *amqp.Message) reply {
	if operation, _ := m.ApplicationProperties["operation"].(string); operation != "put-token" {
		return reply{status: 501, description: "not implemented: " + operation}
	}
	kind, _ := m.ApplicationProperties["type"].(string)
	audience, _ := m.ApplicationProperties["name"].(string)
	token, _ := m.Value.(string)
	var name string
	var expires time.Time
	var err error
	switch kind {
	case "servicebus.windows.net:sastoken":
		name, expires, err = c.peer.verifySAS(token, audience)
	case "jwt":
		name, expires, err = c.peer.verifyJWT(token)
	default:
		err = fmt.Errorf("token of type %q", kind)
	}
	identity := c.peer.identityOf(name)
	switch {
	case err != nil:
		return reply{status: 401, description: "InvalidSignature: " + err.Error()}
	case identity == nil:
		return reply{status: 401, description: "nobody is named " + name}
	case !expires.After(c.peer.options.Now()):
		return reply{status: 401, description: "ExpiredToken"}
	}
	where, err := url.Parse(audience)
	if err != nil {
		return reply{status: 400, description: "a name that is no URI"}
	}
	c.claims[strings.ToLower(strings.Trim(where.Path, "/"))] = claim{identity, expires}
	c.awaitLapse()
	return reply{status: 202, description: "Accepted"}
}

// awaitLapse sets the timer to the end of the claim that is the next to end.
func (c *connection) awaitLapse() {
	c.lapse.Stop()
	now, next := c.peer.options.Now(), time.Duration(0)
	for _, held := range c.claims {
		if left := held.expires.Sub(now); left > 0 && (next == 0 || left < next) {
			next = left
		}
	}
	if next > 0 {
		c.lapse.Reset(next)
	}
}

// lapsed detaches the links whose claim has ended.
// Source: Azure/azure-sdk-for-python issue 23487, dapr/components-contrib issue 809.
func (c *connection) lapsed() {
	for _, s := range c.sessions {
		for _, l := range s.links {
			if err := l.may(); err != nil {
				s.endLink(l, &condition{"amqp:link:detach-forced", "The link is force detached. Code: RenewToken. Details: " + err.Error()})
			}
		}
	}
	c.awaitLapse()
}

// authorize says whether the client has put a token for an address that gives it a right there.
func (c *connection) authorize(address string, need Right) error {
	held, ok := c.claims[strings.ToLower(address)]
	if !ok || !held.expires.After(c.peer.options.Now()) {
		return refused{condition{"amqp:unauthorized-access", "no valid token for " + address}}
	}
	for _, r := range c.peer.rightsOf(held.identity) {
		if r.covers(entityOf(address)) && (r.Send || !need.Send) && (r.Listen || !need.Listen) {
			return nil
		}
	}
	claim := "Listen"
	if need.Send {
		claim = "Send"
	}
	return refused{condition{"amqp:unauthorized-access",
		fmt.Sprintf("Unauthorized access. '%s' claim(s) are required to perform this operation on %s.", claim, address)}}
}

// Entitle gives an identity other rights than it had. What is attached stays.
func (p *Peer) Entitle(identity string, rights ...Right) {
	p.entitling.Lock()
	defer p.entitling.Unlock()
	if i := p.identityOf(identity); i != nil {
		i.Rights = rights
	}
}

func (p *Peer) rightsOf(i *Identity) []Right {
	p.entitling.RLock()
	defer p.entitling.RUnlock()
	return i.Rights
}

func (r Right) covers(entity string) bool {
	right, entity := strings.ToLower(r.Entity), strings.ToLower(entity)
	return right == "" || right == entity || strings.HasPrefix(entity, right+"/")
}

// verifySAS checks a shared access signature.
// Source: Microsoft Learn, "Service Bus access control with Shared Access Signatures".
func (p *Peer) verifySAS(token, audience string) (name string, expires time.Time, err error) {
	fields, ok := strings.CutPrefix(token, "SharedAccessSignature ")
	if !ok {
		return "", time.Time{}, errors.New("not a shared access signature")
	}
	values, err := url.ParseQuery(strings.ReplaceAll(fields, "+", "%2B"))
	if err != nil {
		return "", time.Time{}, errors.New("not a shared access signature")
	}
	name = values.Get("skn")
	identity := p.identityOf(name)
	if identity == nil {
		return "", time.Time{}, errors.New("an unknown key name")
	}
	// What is signed is the resource as it is encoded, and the expiry.
	resource := ""
	for part := range strings.SplitSeq(fields, "&") {
		if r, is := strings.CutPrefix(part, "sr="); is {
			resource = r
		}
	}
	mac := hmac.New(sha256.New, []byte(identity.Key))
	mac.Write([]byte(resource + "\n" + values.Get("se")))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(want), []byte(values.Get("sig"))) != 1 {
		return "", time.Time{}, errors.New("the signature does not match")
	}
	if !strings.HasPrefix(strings.ToLower(audience), strings.ToLower(values.Get("sr"))) {
		return "", time.Time{}, errors.New("signed for another resource")
	}
	seconds, err := strconv.ParseInt(values.Get("se"), 10, 64)
	return name, time.Unix(seconds, 0), err
}

// jwtAudience is what a token for Service Bus is made out to.
const jwtAudience = "https://servicebus.azure.net"

type jwtClaims struct {
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	Expires  int64  `json:"exp"`
}

// JWT is a token of the peer's own for an identity.
func (p *Peer) JWT(identity string, expires time.Time) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	claims, err := json.Marshal(jwtClaims{jwtAudience, identity, expires.Unix()})
	if err != nil {
		panic(err) // a string and a number
	}
	signed := header + "." + base64.RawURLEncoding.EncodeToString(claims)
	return signed + "." + base64.RawURLEncoding.EncodeToString(p.sign(signed))
}

func (p *Peer) sign(text string) []byte {
	mac := hmac.New(sha256.New, p.secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func (p *Peer) verifyJWT(token string) (identity string, expires time.Time, err error) {
	if p.options.VerifyJWT != nil {
		return p.options.VerifyJWT(token)
	}
	dot := strings.LastIndexByte(token, '.')
	if dot < 0 {
		return "", time.Time{}, errors.New("not a JWT")
	}
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil || !hmac.Equal(signature, p.sign(token[:dot])) {
		return "", time.Time{}, errors.New("the signature does not match")
	}
	_, body, _ := strings.Cut(token[:dot], ".")
	text, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return "", time.Time{}, errors.New("not a JWT")
	}
	var claims jwtClaims
	if err := json.Unmarshal(text, &claims); err != nil || claims.Audience != jwtAudience {
		return "", time.Time{}, errors.New("made out to another audience")
	}
	return claims.Subject, time.Unix(claims.Expires, 0), nil
}
