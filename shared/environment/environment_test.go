package environment_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"leaver/shared/environment"
	"leaver/shared/offboarding"
)

// deployed is the environment of a function as template.yaml gives it.
func deployed(changes map[string]string) []string {
	set := map[string]string{
		"LEAVER_TENANT_ID": "11111111-2222-3333-4444-555555555555", "LEAVER_CLIENT_ID": "22222222-3333-4444-5555-666666666666",
		"LEAVER_SERVICEBUS": "contoso-leaver.servicebus.windows.net", "LEAVER_TABLES": "https://contosoleaver.table.core.windows.net",
		"LEAVER_POLICY":          "arn:aws:ssm:eu-west-1:123456789012:parameter/leaver/policy",
		"LEAVER_WEBHOOK_SECRETS": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:leaver/webhooks-AbCdEf",
		"LEAVER_WAKE_PREFIX":     "leaver-",
	}
	maps.Copy(set, changes)
	var environ []string
	for name, value := range set {
		environ = append(environ, name+"="+value)
	}
	return environ
}

func TestTheEnvironmentOfAFunction(t *testing.T) {
	c, err := environment.Read[environment.Function](deployed(map[string]string{"LEAVER_GRAPH": ""}))
	want := environment.Function{
		Identity: environment.Identity{
			TenantID: "11111111-2222-3333-4444-555555555555", ClientID: "22222222-3333-4444-5555-666666666666",
			Cloud: "worldwide", Proof: environment.ProofAWS,
		},
		Bus:    environment.Bus{Namespace: "contoso-leaver.servicebus.windows.net"},
		Ledger: environment.Ledger{Endpoint: "https://contosoleaver.table.core.windows.net"},
		Wake:   environment.Wake{Prefix: "leaver-"}, Concurrency: environment.Concurrency{Messages: 8},
	}
	if err != nil || c != want {
		t.Errorf("%+v, %v", c, err)
	}
	in, err := environment.Read[environment.Intake](deployed(nil))
	if err != nil || in.Identity != want.Identity || in.Bus != want.Bus || in.Wake != want.Wake || in.Webhooks.Secrets == "" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestABadVariableIsNamedWithItsRemedy(t *testing.T) {
	const key = "bm90IHRvIGJlIHByaW50ZWQ"
	for name, tt := range map[string]struct {
		changes map[string]string
		want    []string
	}{
		"nothing set": {
			map[string]string{"LEAVER_TENANT_ID": "", "LEAVER_CLIENT_ID": ""},
			[]string{"LEAVER_TENANT_ID is not set: set it to the id of the Entra tenant", "LEAVER_CLIENT_ID is not set"},
		},
		"no bus and no tables": {
			map[string]string{"LEAVER_SERVICEBUS": "", "LEAVER_TABLES": ""},
			[]string{"LEAVER_SERVICEBUS is not set: set it to the host name", "LEAVER_TABLES is not set"},
		},
		"two buses": {
			map[string]string{"LEAVER_SERVICEBUS_CONNECTION": "Endpoint=sb://127.0.0.1"},
			[]string{"LEAVER_SERVICEBUS and LEAVER_SERVICEBUS_CONNECTION are both set"},
		},
		"two ledgers": {
			map[string]string{"LEAVER_TABLES_CONNECTION": "UseDevelopmentStorage=true"},
			[]string{"LEAVER_TABLES and LEAVER_TABLES_CONNECTION are both set"},
		},
		"a URL for a host name": {
			map[string]string{"LEAVER_SERVICEBUS": "sb://contoso-leaver.servicebus.windows.net/"},
			[]string{"LEAVER_SERVICEBUS is no host name", "the host name"},
		},
		"a connection string for a host name": {
			map[string]string{"LEAVER_SERVICEBUS": "Endpoint=sb://contoso;SharedAccessKey=" + key},
			[]string{"LEAVER_SERVICEBUS is no host name"},
		},
		"a connection string for an endpoint": {
			map[string]string{"LEAVER_TABLES": "DefaultEndpointsProtocol=https;AccountKey=" + key},
			[]string{"LEAVER_TABLES is no endpoint"},
		},
		"a signature for an endpoint": {
			map[string]string{"LEAVER_TABLES": "https://contosoleaver.table.core.windows.net/?sig=" + key},
			[]string{"LEAVER_TABLES is no endpoint"},
		},
		"plain http to the ledger": {
			map[string]string{"LEAVER_TABLES": "http://contosoleaver.table.core.windows.net"},
			[]string{"LEAVER_TABLES is no endpoint"},
		},
		"an unknown proof":         {map[string]string{"LEAVER_IDENTITY": "magic"}, []string{"LEAVER_IDENTITY is \"magic\": set it to aws, managed"}},
		"no certificate":           {map[string]string{"LEAVER_IDENTITY": "certificate"}, []string{"LEAVER_CLIENT_CERTIFICATE is not set"}},
		"no secret":                {map[string]string{"LEAVER_IDENTITY": "secret"}, []string{"LEAVER_CLIENT_SECRET is not set"}},
		"no number":                {map[string]string{"LEAVER_CONCURRENCY": "many"}, []string{"LEAVER_CONCURRENCY cannot be read: set it to how many"}},
		"too much at a time":       {map[string]string{"LEAVER_CONCURRENCY": "1000"}, []string{"LEAVER_CONCURRENCY is 1000"}},
		"nothing at all at a time": {map[string]string{"LEAVER_CONCURRENCY": "0"}, []string{"LEAVER_CONCURRENCY is 0"}},
	} {
		_, err := environment.Read[environment.Function](deployed(tt.changes))
		if err == nil {
			t.Errorf("%s was read", name)
			continue
		}
		if strings.Contains(err.Error(), key) {
			t.Errorf("%s: the key is printed: %q", name, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in %q", name, want, err)
			}
		}
	}
	if _, err := environment.Read[environment.Intake](deployed(map[string]string{"LEAVER_WEBHOOK_SECRETS": ""})); err == nil || !strings.Contains(err.Error(), "LEAVER_WEBHOOK_SECRETS is not set") {
		t.Error(err)
	}
}

func TestAFunctionIsToldNothingOfWhatItMayNotReach(t *testing.T) {
	for _, f := range offboarding.Functions() {
		reads := environment.VariablesOf(f)
		for variable, want := range map[string]bool{
			"LEAVER_WEBHOOK_SECRETS": f.Name == "intake", "LEAVER_TABLES": f.Ledger, "LEAVER_TABLES_CONNECTION": f.Ledger,
			"LEAVER_BACKUP": f.Name == "backup", "LEAVER_POLICY": f.Policy, "LEAVER_GRAPH": len(f.Permissions) > 0, "LEAVER_EXCHANGE": f.Exchange, "LEAVER_SERVICEBUS": true,
		} {
			if got := slices.Contains(reads, variable); got != want {
				t.Errorf("%s reads %s: got %t, want %t", f.Name, variable, got, want)
			}
		}
	}
}

// TestTheNamesOfAzureAreRead where Leaver's own are not set: deployments from before have them, and
// pods with workload identity.
func TestTheNamesOfAzureAreRead(t *testing.T) {
	for name, tt := range map[string]struct {
		environ []string
		want    environment.Identity
	}{
		"a secret": {
			[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=s"},
			environment.Identity{TenantID: "t", ClientID: "c", Secret: "s", Proof: environment.ProofSecret},
		},
		"a certificate": {
			[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_CERTIFICATE_PATH=/cert.pem"},
			environment.Identity{TenantID: "t", ClientID: "c", Certificate: "file:/cert.pem", Proof: environment.ProofCertificate},
		},
		"a pod": {
			[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "LEAVER_IDENTITY=workload"},
			environment.Identity{TenantID: "t", ClientID: "c", Proof: environment.ProofWorkload},
		},
		"Leaver's own go first": {
			[]string{"AZURE_TENANT_ID=other", "LEAVER_TENANT_ID=t", "LEAVER_CLIENT_ID=c", "AZURE_CLIENT_SECRET=s"},
			environment.Identity{TenantID: "t", ClientID: "c", Secret: "s", Proof: environment.ProofSecret},
		},
		"a person needs no application": {
			[]string{"AZURE_TENANT_ID=t", "LEAVER_IDENTITY=cli"},
			environment.Identity{TenantID: "t", Proof: environment.ProofCLI},
		},
	} {
		tt.want.Cloud = "worldwide"
		if got, err := environment.Read[environment.Identity](tt.environ); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, tt.want)
		}
	}
	if environment.Given[environment.Host]([]string{"LEAVER_SERVICEBUS=", "LEAVER_POLICY={}"}) || !environment.Given[environment.Identity]([]string{"AZURE_CLIENT_ID=c"}) {
		t.Error("what is given was not seen so")
	}
}
