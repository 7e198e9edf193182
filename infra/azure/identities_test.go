package azure_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	sdk "github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// What an identity of the deployment can do at worst is tried here with exactly its rights: to the tenant
// with the permissions of Graph, to the bus with the rights on its entities, to the ledger with the roles of
// the Terraform, which the emulator of the table does not know and a proxy enforces.

// harms are what somebody would do to the tenant, and the functions that can. SECURITY.md says the same in
// words.
var harms = []struct {
	what, method, path, body string
	can                      []string
}{
	{"disable somebody", "PATCH", "/users/{user}", `{"accountEnabled":false}`, []string{"block"}},
	{"set somebody's password", "PATCH", "/users/{user}", `{"passwordProfile":{"password":"Xy7!longenoughhere","forceChangePasswordNextSignIn":false}}`, []string{"signout"}},
	{"delete an account", "DELETE", "/users/{user}", "", []string{"delete"}},
	{"make a Global Administrator", "POST", "/roleManagement/directory/roleAssignments", `{"principalId":"{user}","roleDefinitionId":"62e90394-69f5-4237-9190-012177145e10","directoryScopeId":"/"}`, []string{"privileges"}},
	{"take an authentication method away", "DELETE", "/users/{user}/authentication/phoneMethods/3179e48a-750b-4051-897c-87b9720928f7", "", []string{"privileges"}},
	{"wipe a device", "POST", "/deviceManagement/managedDevices/00000000-0000-4000-8000-000000000000/wipe", `{}`, []string{"wipe"}},
	{"take a licence away", "POST", "/users/{user}/assignLicense", `{"addLicenses":[],"removeLicenses":[]}`, []string{"licence"}},
	{"read a drive", "GET", "/users/{user}/drive/root", "", []string{"onedrive", "delete"}},
	{"read every mailbox", "GET", "/users/{user}/messages", "", []string{"export"}},
}

// TestWhatEachFunctionCanDoToTheTenant: what a function may not do is answered 403, and no other refusal.
func TestWhatEachFunctionCanDoToTheTenant(t *testing.T) {
	for _, f := range offboarding.Functions() {
		h := steptest.New(t)
		as := h.Connection(f.Name)
		token, err := as.Credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{as.GraphScope}})
		if err != nil {
			t.Fatal(err)
		}
		for _, harm := range harms {
			fill := strings.NewReplacer("{user}", simtenant.UserID("adele.vance@contoso.com"))
			request, err := http.NewRequestWithContext(t.Context(), harm.method, as.Graph+fill.Replace(harm.path), strings.NewReader(fill.Replace(harm.body)))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+token.Token)
			request.Header.Set("Content-Type", "application/json")
			answer, err := as.HTTP.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusNotImplemented {
				t.Logf("%s would %s: not simulated, so not tried", f.Name, harm.what)
				continue
			}
			if can := slices.Contains(harm.can, f.Name); can == (answer.StatusCode == http.StatusForbidden) {
				t.Errorf("%s would %s: %d; want that it can: %t", f.Name, harm.what, answer.StatusCode, can)
			}
		}
	}
}

// TestWhatEachFunctionCanDoToTheBus sends to every entity and listens at every subscription as every
// function: what is not its own is refused.
func TestWhatEachFunctionCanDoToTheBus(t *testing.T) {
	var identities []servicebustest.Identity
	for _, f := range offboarding.Functions() {
		identity := servicebustest.Identity{Name: f.Name, Key: "a2V5"}
		for _, entity := range bus.RightsOf(f.Name).Send {
			identity.Rights = append(identity.Rights, servicebustest.Right{Entity: entity, Send: true})
		}
		for _, s := range bus.Subscriptions() {
			if slices.Contains(bus.RightsOf(f.Name).Listen, s.Name) {
				path := s.Entity
				if !s.OfQueue() {
					path += "/Subscriptions/" + s.Name
				}
				identity.Rights = append(identity.Rights, servicebustest.Right{Entity: path, Listen: true})
			}
		}
		identities = append(identities, identity)
	}
	peer, err := servicebustest.Start(servicebustest.Options{Entities: servicebustest.Entities(bus.Subscriptions()), Identities: identities})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	for _, f := range offboarding.Functions() {
		b, err := servicebus.Open(servicebus.Options{ConnectionString: peer.ConnectionStringOf(f.Name)})
		if err != nil {
			t.Fatal(err)
		}
		for _, entity := range []string{bus.Queue, bus.Hints, bus.Topic} {
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := b.Publish(ctx, bus.Message{ID: f.Name + entity, Entity: entity, Subject: "signout", Body: []byte("{}")})
			stop()
			if may := slices.Contains(bus.RightsOf(f.Name).Send, entity); may != (err == nil) {
				t.Errorf("%s sends to %s: %v; want that it may: %t", f.Name, entity, err, may)
			}
		}
		for _, s := range bus.Subscriptions() {
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := b.DeadLetters(ctx, s.Name, 1)
			stop()
			if may := slices.Contains(bus.RightsOf(f.Name).Listen, s.Name); may != (err == nil) {
				t.Errorf("%s reads %s: %v; want that it may: %t", f.Name, s.Name, err, may)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rolesOf are the data actions that the Terraform gives an identity on the table.
func rolesOf(t *testing.T, c configuration, identity string) []string {
	t.Helper()
	const entities = "Microsoft.Storage/storageAccounts/tableServices/tables/entities/"
	var writer []string
	for _, word := range strings.Fields(c.source(t, "resource.azurerm_role_definition.writer", "permissions", "data_actions")) {
		if _, action, is := strings.Cut(strings.Trim(word, `[]",`), entities); is {
			writer = append(writer, action)
		}
	}
	switch f, known := offboarding.FunctionOf(identity); {
	case slices.Contains(c.names(t, "erases"), identity):
		return []string{"read", "write", "delete", "add/action", "update/action"} // Storage Table Data Contributor
	case known && f.Ledger, identity == "operator":
		return writer
	}
	return nil
}

// guarded is the table for an identity: the proxy answers 403 to what its data actions do not hold.
// Source: Microsoft Learn, "Authorize with Microsoft Entra ID (REST API)", Permissions for calling Table
// data operations.
func guarded(t *testing.T, serviceURL string, may []string) string {
	t.Helper()
	at, err := url.Parse(serviceURL)
	if err != nil {
		t.Fatal(err)
	}
	account := at.Path
	at.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(at)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		for _, needs := range actions(r.Method, r.URL.Path, r.Header.Get("If-Match"), body) {
			if !slices.Contains(may, needs) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `{"odata.error":{"code":"AuthorizationPermissionMismatch","message":{"lang":"en-US","value":"This request is not authorized to perform this operation using this permission."}}}`)
				return
			}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return azuritetest.ConnectionString(server.URL + account)
}

// actions are the data actions that a request needs.
func actions(method, path, ifMatch string, body []byte) []string {
	if strings.HasSuffix(path, "$batch") {
		var all []string
		parts := strings.Split(string(body), "Content-Type: application/http")
		for _, part := range parts[1:] {
			line := strings.Fields(strings.TrimSpace(part[strings.Index(part, "\r\n\r\n"):]))
			all = append(all, actions(line[0], line[1], matchOf(part), nil)...)
		}
		return all
	}
	switch method {
	case http.MethodGet:
		return []string{"read"}
	case http.MethodPost:
		return []string{"add/action"}
	case http.MethodDelete:
		return []string{"delete"}
	case http.MethodPut, http.MethodPatch, "MERGE":
		if ifMatch != "" {
			return []string{"update/action"}
		}
		return []string{"add/action", "update/action"} // insert or replace
	}
	return []string{"unknown " + method}
}

// matchOf is the If-Match of a part of a transaction.
func matchOf(part string) string {
	for line := range strings.SplitSeq(part, "\r\n") {
		if name, value, is := strings.Cut(line, ":"); is && strings.EqualFold(name, "If-Match") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestWhatEachIdentityCanDoToTheLedger opens, cancels, forges, changes and removes as every function, as an
// operator without the key, and as the HR system: a departure that was properly opened is never begun,
// changed or ended by any of them but plan, and what they spoil is noticed.
func TestWhatEachIdentityCanDoToTheLedger(t *testing.T) {
	c := read(t)
	connection := azuritetest.Start(t)
	honest, err := aztables.OpenConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := honest.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, serviceURL, _ := strings.Cut(connection, "TableEndpoint=")
	serviceURL = strings.TrimSuffix(serviceURL, ";")
	identities := []string{"operator", "hr"}
	for _, f := range offboarding.Functions() {
		identities = append(identities, f.Name)
	}
	for i, name := range identities {
		t.Run(name, func(t *testing.T) {
			may := rolesOf(t, c, name)
			guard := guarded(t, serviceURL, may)
			store, err := aztables.OpenConnectionString(guard, nil)
			if err != nil {
				t.Fatal(err)
			}
			proof := ledgertest.Proof("tenant")
			plan := ledger.New(honest, time.Now, rand.Reader, proof)
			leaver := fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)
			opened, err := plan.Open(t.Context(), departure(t, leaver))
			if err != nil {
				t.Fatal(err)
			}
			if f, _ := offboarding.FunctionOf(name); !f.Signs {
				proof.Signer = nil
			}
			own := ledger.New(store, time.Now, rand.Reader, proof)
			_, err = own.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, EventTime: time.Now().Add(time.Hour)})
			if signs := proof.Signer != nil; signs != (err == nil) {
				t.Errorf("it cancels: %v; want that it can: %t", err, signs)
			}
			if err != nil && slices.Contains(may, "read") && !errors.Is(err, ledger.ErrNoSigner) {
				t.Errorf("it is refused with %v, want that it holds no key", err)
			}
			// Rows by hand, past the ledger's own rules.
			forged := fmt.Sprintf("00000000-0000-4000-9000-%012d", i+1)
			row := fmt.Sprintf(`{"position":1,"kind":"opened","tenant":"tenant","leaver":%q,"plan":{"version":1,"steps":[{"name":"delete","due":"2020-01-01T00:00:00Z"}]}}`, forged)
			err = store.Append(t.Context(), forged+"-1", 1, "open", []byte(row))
			if can := slices.Contains(may, "add/action"); can != (err == nil) {
				t.Errorf("it adds a row: %v; want that it can: %t", err, can)
			}
			if _, err := plan.Case(t.Context(), forged+"-1"); err == nil {
				t.Error("the forged case is taken")
			}
			table := tableOf(t, guard)
			_, err = table.DeleteEntity(t.Context(), opened.ID, "entry_0000000001", nil)
			if can := slices.Contains(may, "delete"); can != (err == nil) {
				t.Errorf("it removes a row: %v; want that it can: %t", err, can)
			}
			changed, err := json.Marshal(map[string]any{"PartitionKey": opened.ID, "RowKey": "entry_0000000001", "Data0": []byte(row)})
			if err == nil {
				_, err = table.UpsertEntity(t.Context(), changed, nil)
			}
			if can := slices.Contains(may, "update/action"); can != (err == nil) {
				t.Errorf("it changes a row: %v; want that it can: %t", err, can)
			}
			after, err := ledger.New(honest, time.Now, rand.Reader, ledgertest.Proof("tenant")).Verify(t.Context(), opened.ID)
			if spoiled := len(may) > 0; err == nil && after.OK == spoiled {
				t.Errorf("it verifies: %+v; want that it does: %t", after, !spoiled)
			}
		})
	}
}

func departure(t *testing.T, leaver string) ledger.Opening {
	t.Helper()
	now := time.Now()
	r := offboarding.Request{
		ID: offboarding.RequestID("test", leaver), Kind: offboarding.Termination, Source: "test",
		EventTime: now, ReceivedAt: now, LeavingTime: now, Employee: offboarding.Employee{ID: leaver},
	}
	plan, err := offboarding.Compile(r, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Opening{Tenant: "tenant", Leaver: leaver, Request: r, Plan: plan}
}

func tableOf(t *testing.T, connection string) *sdk.Client {
	t.Helper()
	service, err := sdk.NewServiceClientFromConnectionString(connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	return service.NewClient(aztables.Table)
}
