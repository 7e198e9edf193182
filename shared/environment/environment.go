// Package environment reads what a deployed function is told by its environment variables. It is
// apart from package config, so that a function without a policy links nothing that reads one.
package environment

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Identity is which application of which tenant a function is, and how it proves that. Every
// function has an application of its own, with the permissions of that function only.
type Identity struct {
	TenantID string `env:"LEAVER_TENANT_ID,required" about:"the id of the Entra tenant, a GUID"`
	ClientID string `env:"LEAVER_CLIENT_ID,required" about:"the application (client) id of this function's own app registration, a GUID"`
	Cloud    string `env:"LEAVER_CLOUD" envDefault:"worldwide" about:"worldwide, usgov, usgovdod or china"`

	Proof       Proof  `env:"LEAVER_IDENTITY" envDefault:"aws" about:"aws, managed, workload, certificate or secret"`
	Certificate Source `env:"LEAVER_CLIENT_CERTIFICATE" about:"for LEAVER_IDENTITY=certificate: the Secrets Manager ARN of the PEM with certificate and private key, or file:PATH"`
	Secret      Source `env:"LEAVER_CLIENT_SECRET" about:"for LEAVER_IDENTITY=secret: the Secrets Manager ARN of the client secret, or file:PATH"`

	// These replace the addresses of the cloud, for a tenant that is simulated.
	Authority string `env:"LEAVER_AUTHORITY" about:"the base URL of the token endpoint, without the tenant"`
	CAFile    string `env:"LEAVER_CA_FILE" about:"the path of a PEM file with the only authority to trust, instead of the system's"`
}

// Proof is how a function proves to Entra which application it is.
type Proof string

// The proofs. The first three need no secret.
const (
	ProofAWS         Proof = "aws"      // outbound identity federation of the Lambda's role
	ProofManaged     Proof = "managed"  // a managed identity, on Azure; LEAVER_CLIENT_ID is the identity's
	ProofWorkload    Proof = "workload" // the federated service account of a pod, on Kubernetes
	ProofCertificate Proof = "certificate"
	ProofSecret      Proof = "secret"
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

// Wake says which functions are invoked as soon as there is a message for them.
type Wake struct {
	// Prefix and the function's name make the name of the AWS Lambda function. Without one
	// nobody is woken, and messages wait for the schedule.
	Prefix string `env:"LEAVER_WAKE_PREFIX" about:"what the Lambda functions' names begin with, like leaver- for leaver-signout"`
}

// Function is what a queue function, watch and replay read.
type Function struct {
	Identity Identity
	Bus      Bus
	Ledger   Ledger
	Wake     Wake

	// Policy is needed by the functions that plan or write what the policy says.
	Policy Source `env:"LEAVER_POLICY" about:"the policy in YAML: the ARN of a parameter in the SSM Parameter Store, file:PATH, or {} for the default policy"`
	// Concurrency is how many messages one invocation works on at the same time.
	Concurrency int `env:"LEAVER_CONCURRENCY" envDefault:"8" about:"how many messages to work on at the same time, 1 to 64"`

	// These replace the addresses of the cloud, for a tenant that is simulated.
	Graph    string `env:"LEAVER_GRAPH" about:"the base URL of Microsoft Graph, with the version"`
	Exchange string `env:"LEAVER_EXCHANGE" about:"the base URL of Exchange Online, without /adminapi"`
}

// Intake is what intake reads: nothing of Microsoft 365 and nothing of the ledger.
type Intake struct {
	Identity Identity
	Bus      Bus
	Wake     Wake

	WebhookSecrets Source `env:"LEAVER_WEBHOOK_SECRETS,required" about:"the Secrets Manager ARN of the webhook secrets (whsec_…, separated by spaces), or file:PATH"`
}

// Host is where a host that is not on AWS finds the bus and the ledger that it shares with others.
type Host struct {
	Bus    Bus
	Ledger Ledger
}

// Read reads [Function], [Intake] or [Host] from environment variables as os.Environ lists them; an
// empty variable counts as not set, because a template cannot leave one out. The error names
// every variable that is missing or cannot be used, and what to put there.
func Read[T Function | Intake | Host](environ []string) (T, error) {
	set := env.ToMap(environ)
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	c, err := env.ParseAsWithOptions[T](env.Options{Environment: set})
	if err != nil {
		return c, explain(reflect.TypeFor[T](), err)
	}
	switch c := any(c).(type) {
	case Function:
		err = errors.Join(c.Identity.check(), c.Bus.check(), c.Ledger.check(), c.check())
	case Intake:
		err = errors.Join(c.Identity.check(), c.Bus.check())
	case Host:
		err = errors.Join(c.Bus.check(), c.Ledger.check())
	}
	return c, err
}

func (i Identity) check() error {
	switch i.Proof {
	case ProofAWS, ProofManaged, ProofWorkload:
		return nil
	case ProofCertificate:
		return needed(i, "LEAVER_CLIENT_CERTIFICATE", i.Certificate)
	case ProofSecret:
		return needed(i, "LEAVER_CLIENT_SECRET", i.Secret)
	}
	return fmt.Errorf("LEAVER_IDENTITY is %q: put there %s", i.Proof, about(reflect.TypeOf(i), "LEAVER_IDENTITY"))
}

func (b Bus) check() error {
	if b.Namespace != "" && b.Connection != "" {
		return errors.New("LEAVER_SERVICEBUS and LEAVER_SERVICEBUS_CONNECTION are both set: leave one out")
	}
	if b.Connection != "" {
		return nil
	}
	if strings.ContainsAny(b.Namespace, "/;=") { // maybe a connection string: the error must not repeat its key
		return fmt.Errorf("LEAVER_SERVICEBUS is no host name: put there %s", about(reflect.TypeOf(b), "LEAVER_SERVICEBUS"))
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
		return fmt.Errorf("LEAVER_TABLES is no endpoint: put there %s", about(reflect.TypeOf(l), "LEAVER_TABLES"))
	}
	return needed(l, "LEAVER_TABLES", l.Endpoint)
}

func (f Function) check() error {
	if f.Concurrency < 1 || f.Concurrency > 64 {
		return fmt.Errorf("LEAVER_CONCURRENCY is %d: put there %s", f.Concurrency, about(reflect.TypeOf(f), "LEAVER_CONCURRENCY"))
	}
	return nil
}

// needed is the error for a variable of a struct that has to be set and is not.
func needed[V ~string](of any, variable string, value V) error {
	if value != "" {
		return nil
	}
	return fmt.Errorf("%s is not set: put there %s", variable, about(reflect.TypeOf(of), variable))
}

// explain says of each error of package env what to put into the variable.
func explain(of reflect.Type, err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	failures := make([]error, len(all.Errors))
	for i, err := range all.Errors {
		var unset env.VarIsNotSetError
		var unread env.ParseError
		switch {
		case errors.As(err, &unset):
			failures[i] = fmt.Errorf("%s is not set: put there %s", unset.Key, about(of, unset.Key))
		case errors.As(err, &unread):
			name := variableOf(of, unread.Name)
			failures[i] = fmt.Errorf("%s cannot be read: put there %s", name, about(of, name))
		default:
			failures[i] = err
		}
	}
	return errors.Join(failures...)
}

// Variables are the names of the variables that [Function], [Intake] or [Host] reads, in order.
func Variables[T Function | Intake | Host]() []string {
	var names []string
	for _, f := range fields(reflect.TypeFor[T]()) {
		names = append(names, f.variable)
	}
	return names
}

// About says what to put into a variable of [Function], [Intake] or [Host].
func About[T Function | Intake | Host](variable string) string {
	return about(reflect.TypeFor[T](), variable)
}

// field is one that a variable is read into.
type field struct{ name, variable, about string }

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
		all = append(all, field{name: f.Name, variable: variable, about: f.Tag.Get("about")})
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
