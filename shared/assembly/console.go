package assembly

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"leaver/shared/environment"
)

// Pages is where browsers find the console, without a path; empty where there is none.
func (f *Function) Pages() string {
	at, err := environment.Read[environment.Pages](os.Environ())
	if err != nil {
		return "" // nothing of it can be wrong
	}
	return at.URL
}

// Console is what the console is made of beside a desk: where browsers find it, and how people sign in.
type Console struct {
	URL, ClientID, Key, SignIn string // SignIn is the base URL of Entra's login host for people
	HTTP                       *http.Client
	// Assertion is the word of AWS by which the console's registration proves itself.
	Assertion func(context.Context) (string, error)
}

// Console reads where the console is; it has no URL where a deployment has none.
func (f *Function) Console(ctx context.Context) (Console, error) {
	at, err := environment.Read[environment.Console](os.Environ())
	if err != nil {
		return Console{}, err
	}
	if at.URL == "" || at.ClientID == "" {
		return Console{}, nil
	}
	c := Console{URL: at.URL, ClientID: at.ClientID, SignIn: f.identity.SignIn, HTTP: f.identity.HTTP, Assertion: f.assertion}
	if c.Key, err = at.Key.Read(ctx, f.fetch); err != nil {
		return Console{}, fmt.Errorf("LEAVER_CONSOLE_KEY: %w", err)
	}
	return c, nil
}
