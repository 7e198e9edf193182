package azure_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	sdk "github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
	"leaver/shared/identity"
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
	{"read every mailbox", "GET", "/users/{user}/mailFolders", "", []string{"export"}},
}

// asked is what the tenant answers an application: its status, and its words.
func asked(t *testing.T, as identity.Connection, scope, method, url, body string) (int, string) {
	t.Helper()
	token, err := as.Credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := as.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestWhatEachFunctionCanDoToTheTenant tries every operation as every function: what its permissions do not
// open is answered 403, and what they open is not. So it is with the harms in words, too.
func TestWhatEachFunctionCanDoToTheTenant(t *testing.T) {
	acts := simtenant.Acts()
	// What deletes is done last, so that the others find whom they are about.
	slices.SortStableFunc(acts, func(a, b simtenant.Act) int {
		return strings.Index(a.Operation, "DELETE") - strings.Index(b.Operation, "DELETE")
	})
	user := simtenant.UserID("adele.vance@contoso.com")
	braces := regexp.MustCompile(`\{\w+\}`)
	for _, f := range offboarding.Functions() {
		h := steptest.New(t)
		as := h.Connection(f.Name)
		for _, harm := range harms {
			fill := strings.NewReplacer("{user}", user)
			status, _ := asked(t, as, as.GraphScope, harm.method, as.Graph+fill.Replace(harm.path), fill.Replace(harm.body))
			if status == http.StatusNotImplemented {
				t.Logf("%s would %s: not simulated, so not tried", f.Name, harm.what)
				continue
			}
			if can := slices.Contains(harm.can, f.Name); can == (status == http.StatusForbidden) {
				t.Errorf("%s would %s: %d; want that it can: %t", f.Name, harm.what, status, can)
			}
		}
		h = steptest.New(t)
		as = h.Connection(f.Name)
		can := 0
		for _, act := range acts {
			method, path, _ := strings.Cut(act.Operation, " ")
			path = strings.Replace(path, "/users/{id}", "/users/"+user, 1)
			path = braces.ReplaceAllString(path, "00000000-0000-4000-8000-000000000000")
			body := act.Body
			if body == "" && method != http.MethodGet && method != http.MethodDelete {
				body = "{}"
			}
			status, text := asked(t, as, as.GraphScope, method, as.Graph+path, body)
			if status == http.StatusNotImplemented || status == http.StatusTooManyRequests || status == http.StatusUnauthorized {
				t.Errorf("%s %s: %d %s", f.Name, act.Operation, status, text)
			}
			if open := act.OpenTo(f.Permissions); open == (status == http.StatusForbidden) {
				t.Errorf("%s tries %s %s: %d; want that it can: %t", f.Name, act.Operation, act.Property, status, open)
			} else if open {
				can++
			}
		}
		t.Logf("%s: %d of %d operations", f.Name, can, len(acts))
	}
}

// TestWhatEachFunctionCanDoInExchange tries every cmdlet as every function, and of those that it has, every
// parameter: what its role group does not hold is refused.
func TestWhatEachFunctionCanDoInExchange(t *testing.T) {
	for _, f := range offboarding.Functions() {
		h := steptest.New(t)
		as := h.Connection(f.Name)
		run := func(cmdlet string, parameters map[string]any) (int, string) {
			body, err := json.Marshal(map[string]any{"CmdletInput": map[string]any{"CmdletName": cmdlet, "Parameters": parameters}})
			if err != nil {
				t.Fatal(err)
			}
			return asked(t, as, as.ExchangeScope, http.MethodPost, strings.TrimSuffix(as.Exchange, "/")+"/adminapi/beta/"+as.TenantID+"/InvokeCommand", string(body))
		}
		has := map[string][]string{}
		for _, entry := range f.Cmdlets {
			words := strings.Fields(entry)
			has[words[0]] = words[1:]
		}
		for cmdlet, parameters := range simtenant.Cmdlets() {
			only, may := has[cmdlet]
			status, text := run(cmdlet, map[string]any{"Identity": "nobody"})
			if may == (status == http.StatusUnauthorized) {
				t.Errorf("%s runs %s: %d %s; want that it can: %t", f.Name, cmdlet, status, text, may)
			}
			if !may || len(only) == 0 {
				continue
			}
			for _, parameter := range parameters {
				_, text := run(cmdlet, map[string]any{"Identity": "nobody", parameter: "x"})
				refused := strings.Contains(text, "cannot be found that matches parameter name")
				if may := parameter == "Identity" || slices.Contains(only, parameter); may == refused {
					t.Errorf("%s gives %s the parameter %s: %s; want that it can: %t", f.Name, cmdlet, parameter, text, may)
				}
			}
		}
	}
}

// TestWhatEachIdentityCanDoToTheBus sends to every entity, now and later, and listens at every subscription as
// every function, as an operator and as the HR system: what is not its own is refused. That nobody manages the
// bus is said of the roles: the Terraform gives none that could.
func TestWhatEachIdentityCanDoToTheBus(t *testing.T) {
	rights := map[string]bus.Rights{"hr": {}}
	identities := []servicebustest.Identity{{Name: "hr", Key: "a2V5"}}
	for _, f := range offboarding.Functions() {
		r := bus.RightsOf(f.Name)
		own := servicebustest.Identity{Name: f.Name, Key: "a2V5"}
		for _, entity := range r.Send {
			own.Rights = append(own.Rights, servicebustest.Right{Entity: entity, Send: true})
		}
		for _, s := range bus.Subscriptions() {
			if slices.Contains(r.Listen, s.Name) {
				path := s.Entity
				if !s.OfQueue() {
					path += "/Subscriptions/" + s.Name
				}
				own.Rights = append(own.Rights, servicebustest.Right{Entity: path, Listen: true})
			}
		}
		rights[f.Name] = r
		identities = append(identities, own)
	}
	// An operator's roles are those of the whole namespace.
	identities = append(identities, servicebustest.Identity{Name: "operator", Key: "a2V5", Rights: []servicebustest.Right{{Send: true, Listen: true}}})
	peer, err := servicebustest.Start(servicebustest.Options{Entities: servicebustest.Entities(bus.Subscriptions()), Identities: identities})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	for _, each := range identities {
		b, err := servicebus.Open(servicebus.Options{ConnectionString: peer.ConnectionStringOf(each.Name)})
		if err != nil {
			t.Fatal(err)
		}
		may := rights[each.Name]
		everything := each.Name == "operator"
		for _, entity := range []string{bus.Queue, bus.Hints, bus.Topic} {
			for when, at := range map[string]time.Time{"now": {}, "later": time.Now().Add(time.Hour)} {
				ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
				_, err := b.Publish(ctx, bus.Message{ID: each.Name + entity + when, Entity: entity, Subject: "signout", Body: []byte("{}"), At: at})
				stop()
				if may := everything || slices.Contains(may.Send, entity); may != (err == nil) {
					t.Errorf("%s sends to %s %s: %v; want that it may: %t", each.Name, entity, when, err, may)
				}
			}
		}
		for _, s := range bus.Subscriptions() {
			ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := b.DeadLetters(ctx, s.Name, 1)
			stop()
			if may := everything || slices.Contains(may.Listen, s.Name); may != (err == nil) {
				t.Errorf("%s reads %s: %v; want that it may: %t", each.Name, s.Name, err, may)
			}
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNobodyManagesTheBusOrTheTable: of Azure's roles those are given that work with messages, rows and blobs.
func TestNobodyManagesTheBusOrTheTable(t *testing.T) {
	may := []string{"Azure Service Bus Data Sender", "Azure Service Bus Data Receiver", "Storage Table Data Contributor", "Storage Table Data Reader", "Storage Blob Data Contributor", "Storage Blob Data Reader"}
	c := read(t)
	for address := range c.blocks {
		if !strings.HasPrefix(address, "resource.azurerm_role_assignment.") {
			continue
		}
		role := strings.Trim(c.source(t, address, "role_definition_name"), `"`)
		switch {
		case role == "each.value.role": // an operator's
			text := files(t)["operators.tf"]
			for _, given := range regexp.MustCompile(`(?m)^\s*"([A-Z][^"]+)"\s*=`).FindAllSubmatch(text, -1) {
				if !slices.Contains(may[:2], string(given[1])) {
					t.Errorf("an operator has the role %s", given[1])
				}
			}
		case role == "":
			own := c.source(t, address, "role_definition_id")
			if keeps := address == "resource.azurerm_role_assignment.backup"; own != "azurerm_role_definition.writer.role_definition_resource_id" && !(keeps && own == "azurerm_role_definition.keeper.role_definition_resource_id") {
				t.Errorf("%s gives %s", address, own)
			}
		case !slices.Contains(may, role):
			t.Errorf("%s gives the role %s", address, role)
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
	case slices.Contains(c.names(t, "reads"), identity):
		return []string{"read"} // Storage Table Data Reader
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
			if slices.Contains(may, "add/action") && proof.Signer == nil {
				n := 0
				addsEveryKind(t, plan, store, func() *offboarding.Case {
					n++
					c, err := plan.Open(t.Context(), departure(t, fmt.Sprintf("00000000-0000-4000-a000-%06d%06d", i, n)))
					if err != nil {
						t.Fatal(err)
					}
					return c
				})
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
			if spoiled := slices.Contains(may, "update/action"); err == nil && after.OK == spoiled {
				t.Errorf("it verifies: %+v; want that it does: %t", after, !spoiled)
			}
		})
	}
}

// kinds are all kinds of entry that the domain has, as its source has them.
func kinds(t *testing.T) (all []offboarding.EntryKind) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../shared/offboarding/case.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if of, is := spec.Type.(*ast.Ident); is && of.Name == "EntryKind" && len(spec.Values) == 1 {
			word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, offboarding.EntryKind(word))
		}
		return true
	})
	if len(all) < 19 {
		t.Fatalf("case.go has the kinds %q, want all", all)
	}
	return all
}

// believed are the kinds of entry that need no signature, as SECURITY.md has them.
func believed(t *testing.T) []offboarding.EntryKind {
	t.Helper()
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "only what steps tell is believed: ")
	words, _, found := strings.Cut(after, ".")
	if !found {
		t.Fatal("SECURITY.md does not say what is believed without a signature")
	}
	var all []offboarding.EntryKind
	for _, word := range strings.Split(words, ",") {
		all = append(all, offboarding.EntryKind(strings.Trim(strings.TrimSpace(word), "`")))
	}
	return all
}

// addsEveryKind adds an entry of every kind by hand to a case, each well chained and with whatever such an entry
// may hold: only those are taken that SECURITY.md names.
func addsEveryKind(t *testing.T, honest *ledger.Ledger, store ledger.Store, open func() *offboarding.Case) {
	t.Helper()
	free := believed(t)
	told := open() // what steps tell goes into one case, one after the other
	for _, kind := range kinds(t) {
		c := told
		if kind.Decides() {
			c = open()
		}
		at, err := addForged(t, honest, store, c, kind)
		if err != nil {
			t.Fatalf("adding %q: %v", kind, err)
		}
		v, err := honest.Verify(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		named := slices.ContainsFunc(v.Problems, func(p ledger.Problem) bool { return p.Entry == at })
		if slices.Contains(free, kind) == named || named == v.OK {
			t.Errorf("%q, which nobody signed, is named: %t, and it verifies: %t; want that it is believed: %t: %+v", kind, named, v.OK, slices.Contains(free, kind), v.Problems)
		}
	}
}

// addForged adds an entry of a kind to a case, and returns its position.
func addForged(t *testing.T, honest *ledger.Ledger, store ledger.Store, c *offboarding.Case, kind offboarding.EntryKind) (int, error) {
	t.Helper()
	before, err := honest.Copy(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	at, newer := len(before.Entries)+1, c.Plan
	newer.Version++
	last := sha256.Sum256([]byte(before.Entries[at-2]))
	e := offboarding.Entry{
		Position: at, At: now, Kind: kind, Previous: hex.EncodeToString(last[:]), Tenant: "tenant", Leaver: c.Leaver,
		Request: offboarding.RequestID("forged", string(kind)), EventTime: now, Plan: &newer, Step: offboarding.StepSignout, N: 1,
		State: offboarding.StateWaiting, Due: now, Lease: &offboarding.Lease{Holder: "x", Until: now.Add(time.Minute)},
		Approval: &offboarding.Approval{By: "approved-by-9"}, Reason: "forged", Sealed: map[string]string{"signed-off-by": strings.Repeat("0", 64)},
		Export: &offboarding.DeletedExport{Manifest: "x"}, Items: []string{"x"}, Progress: map[string]string{"a": "b"},
	}
	if kind == offboarding.EntryHeld {
		e.Brakes = []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "forged", Step: offboarding.StepDelete, Why: "forged", Needs: 1}}
	}
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return at, store.Append(t.Context(), c.ID, at, "open", raw)
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
