// Package environment reads what a process is told by its environment variables: a function on AWS,
// or a host of all functions. Each variable is declared once, in the part of what it is about. It is
// apart from package config, so that a function without a policy links nothing that reads one.
package environment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"leaver/shared/offboarding"
)

// Identity is which application of which tenant a process is, and how it proves that. On AWS every
// function has an application of its own, with the permissions of that function only.
//
// Where a variable of Leaver's own is not set, that of the tag azure is read: the names that the SDKs
// of Azure know, which workload identity and deployments from before have.
type Identity struct {
	TenantID string `env:"LEAVER_TENANT_ID" azure:"AZURE_TENANT_ID" about:"the id of the Entra tenant, a GUID"`
	ClientID string `env:"LEAVER_CLIENT_ID" azure:"AZURE_CLIENT_ID" about:"the application (client) id of the app registration, a GUID; of each function's own on AWS"`
	Cloud    string `env:"LEAVER_CLOUD" envDefault:"worldwide" about:"worldwide, usgov, usgovdod or china"`

	Proof       Proof  `env:"LEAVER_IDENTITY" about:"aws, managed, workload, certificate, secret or cli; without it certificate or secret where one is given, and else aws"`
	Certificate Source `env:"LEAVER_CLIENT_CERTIFICATE" azure:"AZURE_CLIENT_CERTIFICATE_PATH" about:"for LEAVER_IDENTITY=certificate: the Secrets Manager ARN of the PEM with certificate and private key, or file:PATH"`
	Secret      Source `env:"LEAVER_CLIENT_SECRET" azure:"AZURE_CLIENT_SECRET" about:"for LEAVER_IDENTITY=secret: the Secrets Manager ARN of the client secret, or file:PATH"`

	// These replace the addresses of the cloud, for a tenant that is simulated.
	Authority string `env:"LEAVER_AUTHORITY" about:"the base URL of the token endpoint, without the tenant"`
	CAFile    string `env:"LEAVER_CA_FILE" about:"the path of a PEM file with the only authority to trust, instead of the system's"`
}

// azureCertificate is the one of the names of Azure that holds a path.
const azureCertificate = "AZURE_CLIENT_CERTIFICATE_PATH"

// Proof is how a process proves to Entra which application it is.
type Proof string

// The proofs. ProofAWS, ProofManaged and ProofWorkload need no secret, ProofCLI no application.
const (
	ProofAWS         Proof = "aws"      // outbound identity federation of the Lambda's role
	ProofManaged     Proof = "managed"  // a managed identity, on Azure; LEAVER_CLIENT_ID is the identity's
	ProofWorkload    Proof = "workload" // the federated service account of a pod, on Kubernetes
	ProofCertificate Proof = "certificate"
	ProofSecret      Proof = "secret"
	ProofCLI         Proof = "cli" // the person who ran az login on this machine
)

// Bus is the Service Bus namespace; one of the two is given.
type Bus struct {
	Namespace  string `env:"LEAVER_SERVICEBUS" about:"the host name of the Service Bus namespace, like contoso-leaver.servicebus.windows.net"`
	Connection Source `env:"LEAVER_SERVICEBUS_CONNECTION" about:"instead of LEAVER_SERVICEBUS, for a local broker: its connection string"`
}

// Ledger is the storage account whose tables hold the ledger; one of the two is given.
type Ledger struct {
	Endpoint   string `env:"LEAVER_TABLES" about:"the table endpoint of the storage account, like https://contosoleaver.table.core.windows.net"`
	Connection Source `env:"LEAVER_TABLES_CONNECTION" about:"instead of LEAVER_TABLES, for a local store: its connection string"`
}

// Signatures is read by whatever reads the ledger: whose signatures on it count.
type Signatures struct {
	Keys Source `env:"LEAVER_LEDGER_KEYS" about:"the public keys whose signatures on the ledger count, the newest first, separated by spaces, each as aws kms get-public-key --query PublicKey --output text prints it"`
}

// Anchors is read by what is held to them, or puts them. Without any, a ledger that was cut short or
// restored is not noticed.
type Anchors struct {
	Place string `env:"LEAVER_ANCHORS" about:"where the heads of the ledger are kept so that a cut or restored one is noticed: s3://BUCKET?region=REGION with object lock, azblob://CONTAINER with immutability, or a folder of another machine"`
}

// Backup is read by what copies the ledger, and by who looks whether it was copied.
type Backup struct {
	Place string `env:"LEAVER_BACKUP" about:"where copies of the ledger go: azblob://CONTAINER?storage_account=NAME with immutability, s3://BUCKET?region=REGION with object lock, or file:///PATH of another machine"`
}

// Signer is read by what decides: no step does.
type Signer struct {
	Key Source `env:"LEAVER_LEDGER_SIGNER" about:"the key that signs the ledger: the ARN of an asymmetric key of AWS KMS (ECC_NIST_P256, SIGN_VERIFY), or file:PATH of Ed25519 keys in PEM, the newest first"`
}

// Wake says which functions are invoked as soon as there is a message for them.
type Wake struct {
	// Prefix and the function's name make the name of the AWS Lambda function. Without one
	// nobody is woken, and messages wait for the schedule.
	Prefix string `env:"LEAVER_WAKE_PREFIX" about:"what the Lambda functions' names begin with, like leaver- for leaver-signout"`
}

// Telemetry says where traces and metrics go. OpenTelemetry's other variables are read by its SDK.
type Telemetry struct {
	Endpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" about:"the base URL of a collector of OpenTelemetry that takes OTLP over HTTP, like http://127.0.0.1:4318; without it nothing is sent"`
}

// Concurrency is how much is worked on at the same time.
type Concurrency struct {
	Messages int `env:"LEAVER_CONCURRENCY" envDefault:"8" about:"how many messages of a subscription to work on at the same time, 1 to 64"`
}

// Function is what every queue function, watch and replay read. What only some of them reach is a
// part of its own: [Policy], [Graph], [Exchange]; see [VariablesOf].
type Function struct {
	Identity    Identity
	Bus         Bus
	Ledger      Ledger
	Signatures  Signatures
	Wake        Wake
	Telemetry   Telemetry
	Concurrency Concurrency
}

// Policy is read by what plans, or writes what the policy says. There is no default where functions
// run apart: two that go by different policies would be worse than one that does not start.
type Policy struct {
	Text Source `env:"LEAVER_POLICY" about:"the policy in YAML: the ARN of a parameter in the SSM Parameter Store, file:PATH, or {} for the default policy"`
}

// Graph is read by what has permissions in Microsoft Graph.
type Graph struct {
	URL string `env:"LEAVER_GRAPH" about:"for a tenant that is simulated: the base URL of Microsoft Graph, with the version"`
}

// Exchange is read by what has a role in Exchange Online.
type Exchange struct {
	URL string `env:"LEAVER_EXCHANGE" about:"where it is another than the cloud's: the base URL of Exchange Online, without /adminapi"`
}

// Webhooks is read by what faces the HR systems.
type Webhooks struct {
	Secrets Source `env:"LEAVER_WEBHOOK_SECRETS" about:"the webhook secrets (whsec_…, separated by spaces): their Secrets Manager ARN, or file:PATH"`
}

// Directory is read by what runs inside of the organisation's network.
type Directory struct {
	Text Source `env:"LEAVER_DIRECTORY" about:"the on-premises Active Directories in YAML (infra/activedirectory): file:PATH"`
}

// Sources is read by what takes the webhooks of the HR systems, and by what asks them.
type Sources struct {
	File Source `env:"LEAVER_SOURCES" about:"the sources of requests in YAML: the ARN of a parameter in the SSM Parameter Store, or file:PATH"`
}

// Read returns the text of the file; empty when none is named. A path alone will do for file:PATH.
func (s Sources) Read(ctx context.Context, fetch Fetch) (string, error) {
	at := s.File
	isPlace := strings.HasPrefix(string(at), "file:") || strings.HasPrefix(string(at), "arn:") || strings.HasPrefix(string(at), "env:")
	if at != "" && !isPlace && !strings.Contains(string(at), ": ") && !strings.Contains(string(at), "\n") {
		at = "file:" + at
	}
	text, err := at.Read(ctx, fetch)
	if err != nil {
		return "", fmt.Errorf("LEAVER_SOURCES: %w", err)
	}
	return text, nil
}

// Pages is read by what leads people to the console.
type Pages struct {
	URL string `env:"LEAVER_CONSOLE_URL" about:"where browsers find the console, like https://leaver.contoso.com, without a path"`
}

// Console is read by what serves the console.
type Console struct {
	Pages
	ClientID string `env:"LEAVER_CONSOLE_CLIENT_ID" about:"the application (client) id of the app registration by which people sign in to the console, a GUID; without it there is no console"`
	Secret   Source `env:"LEAVER_CONSOLE_CLIENT_SECRET" about:"the client secret of that registration, where it is no public client and proves itself by nothing else: its Secrets Manager ARN, or file:PATH"`
	Key      Source `env:"LEAVER_CONSOLE_KEY" about:"32 or more random characters that the key of the console's cookies is made of: their Secrets Manager ARN, or file:PATH; a key of the process alone without it"`
}

// Intake is what intake reads: nothing of Microsoft 365 and nothing of the ledger.
type Intake struct {
	Identity  Identity
	Bus       Bus
	Wake      Wake
	Telemetry Telemetry
	Webhooks  Webhooks
	Sources   Sources
}

// Tenant is which tenant a host of all functions works on, and as which application.
type Tenant struct {
	Identity Identity
	Graph    Graph
	Exchange Exchange
}

// Host is where a host that is not on AWS finds the bus and the ledger that it shares with others.
type Host struct {
	Bus    Bus
	Ledger Ledger
}

// VariablesOf are the variables that a function reads, in order: it is told nothing of what it may
// not reach.
func VariablesOf(f offboarding.Function) []string {
	if !f.Ledger {
		return Variables[Intake]()
	}
	all := Variables[Function]()
	for _, part := range []struct {
		read  bool
		names func() []string
	}{
		{f.Signs, Variables[Signer]}, {f.Anchored(), Variables[Anchors]}, {f.Name == offboarding.FunctionBackup, Variables[Backup]},
		{f.Policy, Variables[Policy]}, {len(f.Permissions) > 0, Variables[Graph]}, {f.Exchange, Variables[Exchange]}, {f.Sources || f.Limits, Variables[Sources]}, {f.People, Variables[Console]}, {f.Channels, Variables[Pages]},
	} {
		if part.read {
			all = append(all, part.names()...)
		}
	}
	if f.Connection != "" {
		all = append(all, f.Connection)
	}
	return all
}

// Given reports whether the environment says anything of T.
func Given[T any](environ []string) bool {
	set := known(environ)
	return slices.ContainsFunc(fields(reflect.TypeFor[T]()), func(f field) bool {
		return set[f.variable] != "" || f.azure != "" && set[f.azure] != ""
	})
}

// Read reads a struct of this package, or one that is made of those, from environment variables as
// os.Environ lists them; an empty variable counts as not set, because a template cannot leave one
// out. The error names every variable that is missing or cannot be used, and what to set it to.
func Read[T any](environ []string) (T, error) {
	set := known(environ)
	for _, f := range fields(reflect.TypeFor[T]()) {
		if value := set[f.azure]; f.azure != "" && value != "" && set[f.variable] == "" {
			if f.azure == azureCertificate {
				value = "file:" + value
			}
			set[f.variable] = value
		}
	}
	c, err := env.ParseAsWithOptions[T](env.Options{Environment: set})
	if err != nil {
		return c, explain(reflect.TypeFor[T](), err)
	}
	return c, check(reflect.ValueOf(&c).Elem())
}

// known are the variables that are set to something.
func known(environ []string) map[string]string {
	set := env.ToMap(environ)
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	return set
}

// check joins what is wrong with a struct and with those in it.
func check(of reflect.Value) error {
	var failures []error
	if part, is := of.Addr().Interface().(interface{ check() error }); is {
		failures = append(failures, part.check())
	}
	for _, f := range of.Fields() {
		if f.Kind() == reflect.Struct {
			failures = append(failures, check(f))
		}
	}
	return errors.Join(failures...)
}

// check also settles which proof is meant where nothing says so.
func (i *Identity) check() error {
	if i.Proof == "" {
		switch {
		case i.Certificate != "":
			i.Proof = ProofCertificate
		case i.Secret != "":
			i.Proof = ProofSecret
		default:
			i.Proof = ProofAWS
		}
	}
	failures := []error{needed(*i, "LEAVER_TENANT_ID", i.TenantID)}
	if i.Proof != ProofCLI {
		failures = append(failures, needed(*i, "LEAVER_CLIENT_ID", i.ClientID))
	}
	switch i.Proof {
	case ProofAWS, ProofManaged, ProofWorkload, ProofCLI:
	case ProofCertificate:
		failures = append(failures, needed(*i, "LEAVER_CLIENT_CERTIFICATE", i.Certificate))
	case ProofSecret:
		failures = append(failures, needed(*i, "LEAVER_CLIENT_SECRET", i.Secret))
	default:
		failures = append(failures, fmt.Errorf("LEAVER_IDENTITY is %q: set it to %s", i.Proof, about(reflect.TypeFor[Identity](), "LEAVER_IDENTITY")))
	}
	return errors.Join(failures...)
}

func (b Bus) check() error {
	if b.Namespace != "" && b.Connection != "" {
		return errors.New("LEAVER_SERVICEBUS and LEAVER_SERVICEBUS_CONNECTION are both set: leave one out")
	}
	if b.Connection != "" {
		return nil
	}
	if strings.ContainsAny(b.Namespace, "/;=") { // maybe a connection string: the error must not repeat its key
		return fmt.Errorf("LEAVER_SERVICEBUS is no host name: set it to %s", about(reflect.TypeOf(b), "LEAVER_SERVICEBUS"))
	}
	return needed(b, "LEAVER_SERVICEBUS", b.Namespace)
}

func (l Ledger) check() error {
	if l.Endpoint != "" && l.Connection != "" {
		return errors.New("LEAVER_TABLES and LEAVER_TABLES_CONNECTION are both set: leave one out")
	}
	if l.Connection != "" {
		return nil
	}
	if l.Endpoint != "" && (!strings.HasPrefix(l.Endpoint, "https://") || strings.Contains(l.Endpoint, "?")) { // as above; or with a signature
		return fmt.Errorf("LEAVER_TABLES is no endpoint: set it to %s", about(reflect.TypeOf(l), "LEAVER_TABLES"))
	}
	return needed(l, "LEAVER_TABLES", l.Endpoint)
}

func (p Policy) check() error { return needed(p, "LEAVER_POLICY", p.Text) }

func (w Webhooks) check() error { return needed(w, "LEAVER_WEBHOOK_SECRETS", w.Secrets) }

func (c Concurrency) check() error {
	if c.Messages < 1 || c.Messages > 64 {
		return fmt.Errorf("LEAVER_CONCURRENCY is %d: set it to %s", c.Messages, about(reflect.TypeOf(c), "LEAVER_CONCURRENCY"))
	}
	return nil
}

// needed is the error for a variable of a struct that has to be set and is not.
func needed[V ~string](of any, variable string, value V) error {
	if value != "" {
		return nil
	}
	return fmt.Errorf("%s is not set: set it to %s", variable, about(reflect.TypeOf(of), variable))
}

// explain says of each error of package env what to set the variable to.
func explain(of reflect.Type, err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	failures := make([]error, len(all.Errors))
	for i, err := range all.Errors {
		failures[i] = err
		var unread env.ParseError
		if errors.As(err, &unread) {
			name := variableOf(of, unread.Name)
			failures[i] = fmt.Errorf("%s cannot be read: set it to %s", name, about(of, name))
		}
	}
	return errors.Join(failures...)
}

// Variables are the names of the variables that a struct of this package reads, in order.
func Variables[T any]() []string {
	var names []string
	for _, f := range fields(reflect.TypeFor[T]()) {
		names = append(names, f.variable)
	}
	return names
}

// About says what to set a variable of a struct of this package to.
func About[T any](variable string) string { return about(reflect.TypeFor[T](), variable) }

// field is one that a variable is read into; azure is the name that the SDKs of Azure have for it.
type field struct{ name, variable, azure, about string }

// fields are those of a struct and of the structs in it.
func fields(of reflect.Type) []field {
	var all []field
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Type.Kind() == reflect.Struct {
			all = append(all, fields(f.Type)...)
			continue
		}
		variable, _, _ := strings.Cut(f.Tag.Get("env"), ",")
		all = append(all, field{name: f.Name, variable: variable, azure: f.Tag.Get("azure"), about: f.Tag.Get("about")})
	}
	return all
}

func about(of reflect.Type, variable string) string {
	for _, f := range fields(of) {
		if f.variable == variable {
			return f.about
		}
	}
	return ""
}

func variableOf(of reflect.Type, name string) string {
	for _, f := range fields(of) {
		if f.name == name {
			return f.variable
		}
	}
	return name
}
