// Package console is the function by which people look after departures in a browser: what needs them,
// every departure with its timeline and what to do next, a plan before it begins, approvals, limits and
// freeze, what was parked, a layoff while it runs. It is pages made here, whole, that work without
// JavaScript; a small script brings what has changed.
//
// It can do what the operator's command can, and nothing else: both ask [operator.Desk]. People sign in
// with Entra, and what they may do is the app role that Entra assigns them; who did it comes from the
// token and never from a form. It is done when the page shows what the ledger holds.
package console

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// Base is the path below which the console is.
const Base = "/console"

// Options say what a console is made of.
type Options struct {
	Desk *operator.Desk
	// Public is where browsers find it, such as https://leaver.contoso.com, without the path. Plain HTTP
	// is for loopback addresses only.
	Public string
	SignIn SignIn
	// Key encrypts the cookies, 32 bytes; the same in every process that serves the console. Nil is one
	// of this process alone: when it ends, everybody signs in again.
	Key []byte
	// Sources are those that are declared.
	Sources []Source
	// Examine is what leaver doctor finds with the rights of this host; nil where those are too few.
	Examine func(context.Context) []Finding
	Log     *slog.Logger
}

// Finding is the answer to one question of leaver doctor about one thing.
type Finding struct {
	Check, Subject string
	Why, Fix       string // what is wrong and why it matters; what mends it
	Wrong, Unknown bool   // neither = it is as it should be
}

// Source is a declared source of requests.
type Source struct{ Name, Vendor string }

// Console serves the pages.
type Console struct {
	Options
	public   *url.URL
	cookies  *cookies
	ended    signedOut
	allowing sync.Mutex // held while departures are allowed: see allow
	build    string     // which build of Leaver this is
	provider provider
	pages    map[string]*template.Template
}

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

// New makes a console. Errors say which option is wrong.
func New(o Options) (*Console, error) {
	public, err := url.Parse(o.Public)
	if err != nil || public.Host == "" || public.Path != "" || public.Scheme != "https" && !(public.Scheme == "http" && loopback(public.Hostname())) {
		return nil, fmt.Errorf("the console's address %q: write https:// and a host, and no path; http is for 127.0.0.1 and localhost only", o.Public)
	}
	if err := o.SignIn.check(); err != nil {
		return nil, err
	}
	if o.Key == nil {
		o.Key = make([]byte, keySize)
		_, _ = rand.Read(o.Key) // never fails
	}
	public.Host = browsed(public.Scheme, public.Host)
	c := &Console{Options: o, public: public, build: build(), pages: map[string]*template.Template{}}
	if c.cookies, err = newCookies(o.Key, public, o.Desk.Now); err != nil {
		return nil, err
	}
	layout, err := template.New("layout.html").Funcs(c.functions()).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return nil, err
	}
	files, err := pageFiles.ReadDir("pages")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		page, err := layout.Clone()
		if err == nil {
			c.pages[strings.TrimSuffix(file.Name(), ".html")], err = page.ParseFS(pageFiles, "pages/"+file.Name())
		}
		if err != nil {
			return nil, fmt.Errorf("the page %s: %w", file.Name(), err)
		}
	}
	return c, nil
}

// URL is where browsers find the console.
func (c *Console) URL() string { return c.public.String() + Base + "/" }

// browsed is a host as browsers write it: in lower case, and without the port that goes without saying.
func browsed(scheme, host string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

// build is which build of Leaver this is, as the Go toolchain stamped it.
func build() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return ""
	}
	return strings.Trim(info.Main.Version, "()")
}

// answer is a page before it is written, or where to go instead.
type answer struct {
	status int // 0 = 200
	page   string
	title  string
	live   bool // the script asks for it again
	data   any
	file   *file  // instead of a page
	to     string // the path of a redirect, below the console's own
	done   string // what the page it leads to says, by its name in said
}

// file is an answer that is whole already, under a content security policy of its own.
type file struct {
	name, kind, policy string
	text               []byte
}

// handler answers a request of somebody who has signed in.
type handler func(c *Console, r *http.Request, who session) (answer, error)

// route is a page or an act, who may have it, and which command of the operator does the same.
type route struct {
	pattern string
	role    role
	handle  handler
	command string
}

var routes = []route{
	{"GET /{$}", roleRead, (*Console).overview, "status"},
	{"GET /departures", roleRead, (*Console).departures, "status"},
	{"POST /search", roleRead, (*Console).search, "status"},
	{"GET /cases/{case}", roleRead, (*Console).departure, "status"},
	{"GET /cases/{case}/report", roleRead, (*Console).report, "report"},
	{"GET /requests/{request}", roleRead, (*Console).request, "status"},
	{"GET /approvals", roleRead, (*Console).approvals, "status"},
	{"GET /layoff", roleRead, (*Console).layoff, "limits"},
	{"GET /parked", roleRead, (*Console).parked, "replay"},
	{"GET /limits", roleRead, (*Console).limits, "limits"},
	{"GET /sources", roleRead, (*Console).sources, "status"},
	{"GET /plan", roleRead, (*Console).planForm, "plan"},
	{"POST /plan", roleRead, (*Console).plan, "plan"},
	{"GET /ledger", roleRead, (*Console).ledger, "verify"},
	{"POST /ledger", roleRead, (*Console).verify, "verify"},
	{"GET /doctor", roleOperate, (*Console).doctor, "doctor"},
	{"POST /doctor", roleOperate, (*Console).examine, "doctor"},

	{"POST /offboard", roleOperate, (*Console).offboard, "offboard"},
	{"POST /cases/{case}/release", roleOperate, (*Console).release, "release"},
	{"POST /cases/{case}/cancel", roleOperate, (*Console).cancel, "cancel"},
	{"GET /cases/{case}/undo", roleOperate, (*Console).undoing, "undo"},
	{"POST /cases/{case}/undo", roleOperate, (*Console).undo, "undo"},
	{"POST /cases/{case}/sign-off", roleOperate, (*Console).signOff, "sign-off"},
	{"POST /cases/{case}/replay", roleOperate, (*Console).replayStep, "replay"},
	{"POST /cases/{case}/approve", roleApprove, (*Console).approve, "approve"},
	{"POST /requests/{request}/choose", roleApprove, (*Console).choose, "approve"},
	{"POST /ledger/adopt", roleOperate, (*Console).adopt, "ledger adopt"},
	{"POST /ledger/set-aside", roleOperate, (*Console).setAside, "ledger set-aside"},
	{"POST /release", roleOperate, (*Console).releaseSeveral, "release"},
	{"POST /cancel", roleOperate, (*Console).cancelSeveral, "cancel"},
	{"POST /parked", roleOperate, (*Console).replay, "replay"},
	{"POST /allow", roleOperate, (*Console).allow, "allow"},
	{"POST /freeze", roleOperate, (*Console).freeze, "freeze"},
	{"POST /thaw", roleOperate, (*Console).thaw, "thaw"},
}

// Commands are those of the operator's command that people find here too.
func Commands() []string {
	commands := []string{"version"} // in the foot of every page
	for _, r := range routes {
		commands = append(commands, r.command)
	}
	slices.Sort(commands)
	return slices.Compact(commands)
}

// Handler serves everything below [Base].
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		mux.Handle(method+" "+Base+path, c.signedIn(r))
	}
	mux.HandleFunc("GET "+Base+"/sign-in", c.beginSignIn)
	mux.HandleFunc("GET "+Base+"/sign-in/done", c.endSignIn)
	mux.HandleFunc("POST "+Base+"/sign-out", c.signOut)
	mux.Handle("GET "+Base+"/static/", c.static())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, Base+"/", http.StatusSeeOther) })
	mux.HandleFunc(Base+"/", func(w http.ResponseWriter, r *http.Request) {
		who, _ := c.session(r)
		c.write(w, r, who, problem(http.StatusNotFound, "There is no such page."))
	})
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.write(w, r, session{}, problem(http.StatusForbidden, "This was sent from another site, and nothing was done. Open the console and do it there."))
	}))
	return c.guarded(origin.Handler(mux))
}

// policy is the content security policy: nothing from elsewhere, nothing in line, and in nobody's frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guarded sets what every answer says, and answers only under the console's own name: a browser that a
// foreign name was pointed here with sends that name (DNS rebinding).
func (c *Console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		// Not no-referrer: a form would be sent with Origin: null, which nobody can tell from a foreign one.
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		if c.public.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if browsed(c.public.Scheme, r.Host) != c.public.Host {
			http.Error(w, "The console has another address. Whoever runs it: LEAVER_CONSOLE_URL is the address that browsers show, and a proxy before it has to pass the header Host on.", http.StatusMisdirectedRequest)
			return
		}
		r.Host = c.public.Host
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		next.ServeHTTP(w, r)
	})
}

// mostForm bounds what is read of a form, in bytes.
const mostForm = 64 << 10

// csrfField is the hidden field of every form.
const csrfField = "csrf"

// signedIn lets those have a route whose role allows it.
func (c *Console) signedIn(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, is := c.session(r)
		if !is {
			c.write(w, r, session{}, c.anonymous(r))
			return
		}
		a, err := c.allowed(r, who, to)
		if err == nil && a.page == "" {
			a, err = to.handle(c, r, who)
		}
		if r.Method == http.MethodPost {
			c.Log.Info("console", "act", to.pattern, "by", who.Person.ID, "case", r.PathValue("case"), "done", err == nil && a.status < 400)
		}
		if err != nil {
			a = failed(err)
		}
		c.write(w, r, who, a)
	})
}

// allowed is a page that says why somebody may not have a route; an empty answer when they may.
func (c *Console) allowed(r *http.Request, who session, to route) (answer, error) {
	if !who.may(to.role) {
		return problem(http.StatusForbidden, fmt.Sprintf("This needs the app role %s, and Entra has given you %s. Whoever administers the application %q assigns it; then sign out and in again.",
			to.role, who.roles(), "Leaver console")), nil
	}
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			return problem(http.StatusBadRequest, "The form cannot be read: it is too large, or damaged."), nil
		}
		if subtle.ConstantTimeCompare([]byte(r.PostForm.Get(csrfField)), []byte(who.CSRF)) != 1 {
			return problem(http.StatusForbidden, "This form was not made for your session, and nothing was done. Open the page again and repeat it."), nil
		}
	}
	left, err := c.left(r, who)
	if err != nil {
		return answer{}, err
	}
	if left {
		return problem(http.StatusForbidden, "Your own departure has locked you out: the console is closed to you."), nil
	}
	return answer{}, nil
}

// left reports whether somebody is locked out by a departure of their own, though their session lasts.
func (c *Console) left(r *http.Request, who session) (bool, error) {
	own, err := c.Desk.Ledger.Latest(r.Context(), strings.ToLower(who.Person.ID))
	if err != nil || own == nil || own.Cancelled != nil {
		return false, err
	}
	at, out := own.LockedOut()
	return out && at.After(who.since()), nil
}

// anonymous is the page of whoever has not signed in, or did too long ago.
func (c *Console) anonymous(r *http.Request) answer {
	if r.Method != http.MethodGet {
		return answer{status: http.StatusUnauthorized, page: "welcome", title: "Signed out", data: welcome{To: Base + "/", Lost: true}}
	}
	return answer{status: http.StatusUnauthorized, page: "welcome", title: "Sign in", data: welcome{To: r.URL.Path}}
}

// welcome leads to the sign-in. Lost is set when a form came too late.
type welcome struct {
	To   string
	Lost bool
}

// problem is a page that says what is wrong.
func problem(status int, text string) answer {
	title := "Not done"
	if status == http.StatusNotFound {
		title = "Not found"
	}
	return answer{status: status, page: "problem", title: title, data: text}
}

// failed is the page of an act or a question that went wrong. What a desk refuses, it says why.
func failed(err error) answer {
	status := operator.StatusCode(err)
	text := err.Error()
	if errors.Is(err, offboarding.ErrCancelled) {
		text = "The departure is cancelled: " + text
	}
	return problem(status, text)
}

// frame is what every page is in.
type frame struct {
	Title  string
	Page   string
	Who    session
	May    map[string]bool // by the short names of the roles
	CSRF   string
	Field  string
	Live   bool
	Said   string
	Frozen *operator.Frozen
	Now    time.Time
	Build  string
	Unread int // departures that are over, and that no page shows yet
	Data   any
}

// said are the words after an act; the address carries their names only.
var said = map[string]string{
	"approved": "Approved.", "withdrawn": "Your approval is taken back.", "released": "Released: it goes on.", "cancelled": "Cancelled: no further write begins.",
	"undoing": "Ordered: it is taken back, as far as nothing holds it.", "signed-off": "Signed off by you.", "replayed": "Sent back to work.", "discarded": "Taken away.", "asked": "Asked for: it shows here within seconds.",
	"frozen": "Frozen: nothing is written from now on.", "thawed": "Thawed: everything goes on.", "allowed": "Allowed: those that waited go on.", "adopted": "Adopted by you.", "aside": "Set aside.", "chosen": "You have said who is meant: it is planned again.",
	"nothing": "There was nothing to do.",
}

// write writes an answer.
func (c *Console) write(w http.ResponseWriter, r *http.Request, who session, a answer) {
	if a.to != "" {
		to := Base + a.to
		if a.done != "" {
			to += "?done=" + a.done
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	if a.file != nil {
		w.Header().Set("Content-Security-Policy", a.file.policy)
		w.Header().Set("Content-Type", a.file.kind)
		w.Header().Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", a.file.name))
		_, _ = w.Write(a.file.text)
		return
	}
	f := frame{
		Title: a.title, Page: a.page, Who: who, CSRF: who.CSRF, Field: csrfField, Live: a.live, Now: c.Desk.Now(), Build: c.build, Data: a.data,
		Said: said[r.URL.Query().Get("done")],
		May:  map[string]bool{"read": who.may(roleRead), "operate": who.may(roleOperate), "approve": who.may(roleApprove)},
	}
	if who.may(roleRead) && a.status < http.StatusBadRequest {
		f.Unread = c.Desk.Unread()
	}
	if who.may(roleRead) {
		if frozen, is, err := c.Desk.Ledger.Freezing(r.Context()); err == nil && is {
			f.Frozen = &operator.Frozen{At: frozen.At, By: frozen.By.Name, Verified: frozen.By.Verified(), Reason: frozen.Reason}
		}
	}
	var text bytes.Buffer
	if err := c.pages[a.page].ExecuteTemplate(&text, "layout.html", f); err != nil {
		c.Log.Error("console", "page", a.page, "error", err)
		http.Error(w, "the page cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(cmp.Or(a.status, http.StatusOK))
	_, _ = w.Write(text.Bytes()) // a browser that has gone needs no page
}

// static serves the style sheet and the script, which hold nothing of anybody.
func (c *Console) static() http.Handler {
	files := http.StripPrefix(Base, http.FileServerFS(staticFiles))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=300")
		files.ServeHTTP(w, r)
	})
}
