package hris

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
	"leaver/shared/strictyaml"
)

// Declaration is the file of an installation's sources.
type Declaration struct {
	Public  string   `yaml:"public" about:"the URL at which the endpoints are seen from outside, like https://hooks.contoso.com; Graph's subscriptions need it"`
	Sources []Config `yaml:"sources" about:"where requests come from, one endpoint each"`
}

// Config declares one source. A secret is a place until Read puts the value there: env:NAME,
// file:PATH, an ARN, or the value itself. The tags about are the descriptions of [Schema].
type Config struct {
	Name      string     `yaml:"name" about:"its endpoint is /webhooks/NAME"`
	Vendor    string     `yaml:"vendor" about:"which kind of HR system it is"`
	Secrets   []string   `yaml:"secrets" about:"what proves its webhooks: env:NAME, file:PATH, an ARN or the value; any does, so that they can be rotated without a gap; the newest first"`
	Zone      string     `yaml:"zone" about:"the time zone of dates that come without a time, like Europe/Berlin, where the person has none"`
	At        string     `yaml:"at" about:"when on the last day at work the person is out, like 18:00; without it when the day ends"`
	Match     []string   `yaml:"match" about:"which of the names that it has for a person the tenant knows: id, userPrincipalName, mail, employeeId or extensionAttribute1 to 15, which then holds its number of the employee; without it all that it tells, and all have to mean the same person"`
	API       API        `yaml:"api" about:"where and how it is read; by resolve alone"`
	Every     Duration   `yaml:"every" about:"how often everybody who leaves is read, like 15m; without it never"`
	Limits    Limits     `yaml:"limits" about:"the departures that begin by its word, at most; what exceeds is held"`
	Signature *Signature `yaml:"signature" about:"how the vendor hmac signs"`
	Map       *Map       `yaml:"map" about:"JSON pointers to what a vendor without a format of its own says; the columns of a report of Workday"`

	public string
}

// API is the read side of an HR system.
type API struct {
	URL    string `yaml:"url" about:"https, or http on this machine"`
	User   string `yaml:"user" about:"where it has one beside the secret"`
	Secret string `yaml:"secret" about:"env:NAME, file:PATH, an ARN or the value"`
}

// Limits bound one source; 0 is no bound of its own.
type Limits struct {
	PerHour int `yaml:"perHour" about:"in any hour"`
}

// Signature is a webhook.Signature as it is declared.
type Signature struct {
	webhook.Signature `yaml:",inline"`
	Tolerance         Duration `yaml:"tolerance" about:"how far the timestamp may be off, either way; without it 5m"`
}

// Duration is a duration as offboarding.ParseDuration reads it.
type Duration time.Duration

// UnmarshalYAML implements yaml.BytesUnmarshaler of goccy/go-yaml.
func (d *Duration) UnmarshalYAML(text []byte) error {
	var s string
	if err := strictyaml.Decode(text, &s); err != nil {
		return err
	}
	parsed, err := offboarding.ParseDuration(s)
	if err == nil && parsed == offboarding.Unlimited {
		err = fmt.Errorf("%q has no end; write it like 15m", s)
	}
	*d = Duration(parsed)
	return err
}

// Parse reads the file of an installation's sources, in YAML. Its errors say what to fix, with line
// and column where YAML is at fault.
func Parse(text []byte) (Declaration, error) {
	var d Declaration
	if err := strictyaml.Decode(text, &d); err != nil {
		return Declaration{}, err
	}
	var names []string
	for i := range d.Sources {
		c := &d.Sources[i]
		c.public = d.Public
		if err := c.Validate(); err != nil {
			return Declaration{}, fmt.Errorf("source %d (%s): %w", i+1, c.Name, err)
		}
		if slices.Contains(names, c.Name) {
			return Declaration{}, fmt.Errorf("source %d: another one is named %s too", i+1, c.Name)
		}
		names = append(names, c.Name)
	}
	return d, nil
}

// Read returns the value that stands at a place: env:NAME, file:PATH, an ARN, or the value itself.
type Read func(ctx context.Context, place string) (string, error)

// ReadSecrets puts the values of the webhook secrets in their places, for the function that takes
// webhooks; it needs no other.
func (d *Declaration) ReadSecrets(ctx context.Context, read Read) error {
	for i := range d.Sources {
		c := &d.Sources[i]
		c.Secrets = slices.Clone(c.Secrets)
		for j, place := range c.Secrets {
			value, err := read(ctx, place)
			if err != nil {
				return fmt.Errorf("source %s: secret %d: %w", c.Name, j+1, err)
			}
			c.Secrets[j] = value
		}
	}
	return nil
}

// ReadCredentials puts the values of the HR systems' credentials in their places, for the function
// that reads them; it needs no other.
func (d *Declaration) ReadCredentials(ctx context.Context, read Read) error {
	for i := range d.Sources {
		c := &d.Sources[i]
		value, err := read(ctx, c.API.Secret)
		if err != nil {
			return fmt.Errorf("source %s: api.secret: %w", c.Name, err)
		}
		c.API.Secret = value
	}
	return nil
}

// LimitsOf are how many departures an hour may begin by the word of each source that declares a limit,
// by what its requests say as their source. No secret is read.
func LimitsOf(text []byte) (map[string]int, error) {
	d, err := Parse(text)
	if err != nil {
		return nil, err
	}
	limits := map[string]int{}
	for _, c := range d.Sources {
		if c.Limits.PerHour > 0 {
			limits[c.Origin()] = c.Limits.PerHour
		}
	}
	return limits, nil
}

// Load makes the sources of a function that takes webhooks: those that a file declares, which may be
// empty, and /webhooks/standard with the secrets, separated by spaces, unless the file declares it.
func Load(ctx context.Context, text []byte, secrets string, read Read) (*Sources, error) {
	d, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if err := d.ReadSecrets(ctx, read); err != nil {
		return nil, err
	}
	named := func(c Config) bool { return c.Name == nameStandard }
	if !slices.ContainsFunc(d.Sources, named) && (secrets != "" || len(d.Sources) == 0) {
		d.Sources = append(d.Sources, Standard(secrets))
	}
	return New(d.Sources...)
}

// Standard declares the source that exists without a declaration: /webhooks/standard, with the
// secrets separated by spaces.
func Standard(secrets string) Config {
	return Config{Name: nameStandard, Vendor: nameStandard, Secrets: strings.Fields(secrets)}
}

// nameStandard is the vendor, and the source that exists without a declaration.
const nameStandard = "standard"

// Origin is what the requests of the source say they came by.
func (c Config) Origin() string { return "webhooks/" + c.Name }

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Validate says what is wrong with the declaration of a source, and shows no secret.
func (c Config) Validate() error {
	v, err := vendorOf(c.Vendor)
	if err != nil {
		return err
	}
	switch {
	case !sourceName.MatchString(c.Name):
		return errors.New("name: use up to 32 of a-z, 0-9 and -, because it stands in the address")
	case c.Every < 0:
		return errors.New("every: write a duration like 15m")
	case c.Limits.PerHour < 0:
		return errors.New("limits.perHour: write a number, or leave it out")
	case v.dated && c.Zone == "":
		return errors.New("zone: the dates of this vendor have no time, so it has to be said where they are meant, like Europe/Berlin")
	case v.reader == nil && c.API != API{}:
		return errors.New("api: the webhooks of this vendor say all there is to know, nothing is read")
	case v.tenant && (c.API.URL != "" || c.API.User != ""):
		return errors.New("api: the tenant is asked by the application of resolve; only api.secret has a meaning here, the clientState of the subscription")
	case v.reader != nil && c.API.URL == "" && !v.tenant:
		return errors.New("api.url: the webhooks of this vendor are only hints, so say where it is read")
	}
	if c.Zone != "" {
		if _, err := offboarding.LoadZone(c.Zone); err != nil {
			return fmt.Errorf("zone: %w", err)
		}
	}
	if c.At != "" {
		if _, err := offboarding.ParseClock(c.At); err != nil {
			return fmt.Errorf("at: %w", err)
		}
	}
	if c.API.URL != "" {
		if err := safe(c.API.URL); err != nil {
			return fmt.Errorf("api.url: %w", err)
		}
	}
	for _, m := range c.Match {
		if !slices.Contains([]string{"id", "userPrincipalName", "mail", "employeeId"}, m) && offboarding.ExtensionNumber(m) == 0 {
			return errors.New("match: use id, userPrincipalName, mail, employeeId, or one of extensionAttribute1 to 15, which then holds the number of the employee")
		}
	}
	if v.validate == nil {
		if c.Signature != nil || c.Map != nil {
			return errors.New("signature and map: this vendor has its own")
		}
		return nil
	}
	return v.validate(c)
}

// safe refuses an address to which a credential would travel in the clear.
func safe(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("write it like https://api.example.com, without a name, a query or a fragment")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && (u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()):
		return nil
	}
	return errors.New("use https; http is for a simulated system on this machine alone")
}
