// Package azure holds the Terraform of infra/azure against the lists of functions, rights and
// subscriptions that the code has: no provider is downloaded and nothing is planned.
package azure_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebus"
	"leaver/shared/identity"
	"leaver/shared/ledger/aztables"
	"leaver/shared/offboarding"
)

func files(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob("*.tf")
	if err != nil || len(names) == 0 {
		t.Fatalf("there is no Terraform here: %v", err)
	}
	all := map[string][]byte{}
	for _, name := range append(names, "terraform.tfvars.example") {
		if all[name], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// entity is how the Terraform names what a subscription is on the broker.
func entity(s bus.Subscription) string {
	if s.OfQueue() {
		return s.Entity
	}
	return s.Entity + "/" + s.Name
}

// TestTheTerraformIsFormatted is terraform fmt -check, on machines without Terraform.
func TestTheTerraformIsFormatted(t *testing.T) {
	for name, text := range files(t) {
		if !bytes.Equal(text, hclwrite.Format(text)) {
			t.Errorf("%s: terraform fmt would change it", name)
		}
	}
}

// configuration is the parsed Terraform: its blocks by address, and its local values.
type configuration struct {
	blocks map[string]*hclsyntax.Body
	locals map[string]hclsyntax.Expression
}

func read(t *testing.T) configuration {
	t.Helper()
	c := configuration{blocks: map[string]*hclsyntax.Body{}, locals: map[string]hclsyntax.Expression{}}
	for name, text := range files(t) {
		file, diagnostics := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		for _, block := range file.Body.(*hclsyntax.Body).Blocks {
			if block.Type == "locals" {
				for name, a := range block.Body.Attributes {
					c.locals[name] = a.Expr
				}
				continue
			}
			c.blocks[strings.Join(append([]string{block.Type}, block.Labels...), ".")] = block.Body
		}
	}
	return c
}

// evaluate is a local value that depends on other local values alone.
func (c configuration) evaluate(t *testing.T, name string) cty.Value {
	t.Helper()
	expression := c.locals[name]
	if expression == nil {
		t.Fatalf("there is no local.%s", name)
	}
	return c.value(t, expression)
}

// value is that of an expression that depends on local values alone.
func (c configuration) value(t *testing.T, expression hclsyntax.Expression) cty.Value {
	t.Helper()
	locals := map[string]cty.Value{}
	for _, traversal := range expression.Variables() {
		if traversal.RootName() != "local" {
			continue // a name that a for expression makes
		}
		other := traversal[1].(hcl.TraverseAttr).Name
		locals[other] = c.evaluate(t, other)
	}
	toSet := function.New(&function.Spec{
		Params: []function.Parameter{{Name: "v", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].LengthInt() == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			return cty.SetVal(args[0].AsValueSlice()), nil
		},
	})
	v, diagnostics := expression.Value(&hcl.EvalContext{
		Variables: map[string]cty.Value{"local": cty.ObjectVal(locals)},
		Functions: map[string]function.Function{"merge": stdlib.MergeFunc, "setunion": stdlib.SetUnionFunc, "toset": toSet},
	})
	if diagnostics.HasErrors() {
		t.Fatal(diagnostics)
	}
	return v
}

// pairs are the values of a local map of objects, each as its two attributes, sorted.
func (c configuration) pairs(t *testing.T, local, first, second string) []string {
	t.Helper()
	var all []string
	for _, v := range c.evaluate(t, local).AsValueMap() {
		all = append(all, v.GetAttr(first).AsString()+" "+v.GetAttr(second).AsString())
	}
	slices.Sort(all)
	return all
}

func (c configuration) names(t *testing.T, local string) []string {
	t.Helper()
	return sorted(texts(c.evaluate(t, local)))
}

func sorted(words []string) []string {
	slices.Sort(words)
	return words
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\nis        %q\nshould be %q", what, got, want)
	}
}

func texts(list cty.Value) (all []string) {
	for _, v := range list.AsValueSlice() {
		all = append(all, v.AsString())
	}
	return all
}

// TestTheRoleGroupsOfExchange: the script makes a group of each function's own cmdlets, and gives nobody a
// built-in role.
func TestTheRoleGroupsOfExchange(t *testing.T) {
	for _, f := range offboarding.Functions() {
		if f.Exchange != (len(f.Cmdlets) > 0) {
			t.Errorf("%s is in Exchange: %t, with %d cmdlets", f.Name, f.Exchange, len(f.Cmdlets))
		}
	}
	script, err := os.ReadFile("exchange.ps1")
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"New-ManagementRole -Name $role -Parent $parent", "Remove-ManagementRoleEntry", "Set-ManagementRoleEntry", "$app.cmdlets"} {
		if !strings.Contains(string(script), wanted) {
			t.Errorf("the script does not %s", wanted)
		}
	}
	if strings.Contains(string(script), "Recipient Management") {
		t.Error("the script gives a built-in role group")
	}
}

// TestTheScriptIsToldOfWhomItSetsUp: of those with cmdlets, and of those that it calls by name, as the
// sender of mail.
func TestTheScriptIsToldOfWhomItSetsUp(t *testing.T) {
	c := read(t)
	var wanted []string
	for _, f := range offboarding.Functions() {
		if f.Exchange || f.Name == offboarding.FunctionNotify {
			wanted = append(wanted, f.Name)
		}
	}
	output := c.blocks["output.exchange"]
	if output == nil {
		t.Fatal("there is no output exchange")
	}
	each, is := output.Attributes["value"].Expr.(*hclsyntax.ForExpr)
	if !is {
		t.Fatalf("the output exchange is a %T, want one value for each function", output.Attributes["value"].Expr)
	}
	told := sorted(texts(c.value(t, each.CollExpr)))
	equal(t, "the output exchange", told, sorted(wanted))
	script, err := os.ReadFile("exchange.ps1")
	if err != nil {
		t.Fatal(err)
	}
	byName := regexp.MustCompile(`\$functions\["(\w+)"\]`).FindAllStringSubmatch(string(script), -1)
	if len(byName) == 0 {
		t.Error("the script sets up no sender of mail")
	}
	for _, m := range byName {
		if !slices.Contains(told, m[1]) {
			t.Errorf("the script sets up %s, which the output exchange lacks", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\$app\.(\w+)`).FindAllStringSubmatch(string(script), -1) {
		if !strings.Contains(c.source(t, "output.exchange", "value"), m[1]+" ") {
			t.Errorf("the script reads %s, which the output exchange lacks", m[1])
		}
	}
}

// TestEveryOutputThatIsReadIsThere: what our pages, scripts and descriptions have an administrator type.
func TestEveryOutputThatIsReadIsThere(t *testing.T) {
	c := read(t)
	reads := regexp.MustCompile(`terraform (?:-chdir=\S+ )?output (?:-\w+ )*(\w+)`)
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".md", ".ps1", ".tf", ".go", ".yaml"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range reads.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
			if c.blocks["output."+m[1]] == nil {
				t.Errorf("%s reads the output %s, which outputs.tf lacks", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !found["servicebus"] || !found["exchange"] {
		t.Errorf("found only %v: are the pages searched?", slices.Sorted(maps.Keys(found)))
	}
}

func TestEveryFunctionGetsItsRightsAndNoOther(t *testing.T) {
	c := read(t)
	var permissions, send, listen, exchange, ledger []string
	for _, f := range offboarding.Functions() {
		for _, p := range f.Permissions {
			permissions = append(permissions, f.Name+" "+p)
		}
		rights := bus.RightsOf(f.Name)
		for _, e := range rights.Send {
			send = append(send, f.Name+" "+e)
		}
		for _, s := range bus.Subscriptions() {
			if slices.Contains(rights.Listen, s.Name) {
				listen = append(listen, f.Name+" "+entity(s))
			}
		}
		if f.Exchange {
			exchange = append(exchange, f.Name)
		}
		equal(t, "cmdlets of "+f.Name, texts(c.evaluate(t, "functions").GetAttr(f.Name).GetAttr("cmdlets")), f.Cmdlets)
		if f.Ledger {
			ledger = append(ledger, f.Name)
		}
	}
	equal(t, "permissions", c.pairs(t, "permissions", "function", "permission"), sorted(permissions))
	equal(t, "send", c.pairs(t, "send", "function", "entity"), sorted(send))
	equal(t, "listen", c.pairs(t, "listen", "function", "entity"), sorted(listen))
	equal(t, "exchange", c.names(t, "exchange"), sorted(exchange))
	equal(t, "ledger", c.names(t, "ledger"), sorted(ledger))
}

// TestTheSubscriptionsHaveTheRulesOfTheDriver compares the two kinds of rule resources with what
// the driver needs.
func TestTheSubscriptionsHaveTheRulesOfTheDriver(t *testing.T) {
	c := read(t)
	var labels, names []string
	for _, s := range bus.Subscriptions() {
		for _, r := range servicebus.Rules(s) {
			switch {
			case r.To == s.Name && r.Label == "":
				names = append(names, s.Name)
			case r.To == "" && r.Label != "":
				labels = append(labels, s.Name+" "+r.Label)
			default:
				t.Errorf("%s: the Terraform has no rule like %+v", s.Name, r)
			}
		}
	}
	equal(t, "rules on the label", c.pairs(t, "labels", "subscription", "label"), sorted(labels))
	equal(t, "subscriptions", slices.Sorted(maps.Keys(c.evaluate(t, "subscriptions").AsValueMap())), sorted(names))
	equal(t, "queues", c.names(t, "queues"), []string{bus.Hints, bus.Queue})
	equal(t, "topics", c.names(t, "topics"), []string{bus.Topic})
}

// source is the text of an attribute, or of one in a nested block.
func (c configuration) source(t *testing.T, address string, path ...string) string {
	t.Helper()
	body := c.blocks[address]
	for i, name := range path {
		if body == nil {
			break
		}
		if i < len(path)-1 {
			var inner *hclsyntax.Body
			for _, b := range body.Blocks {
				if b.Type == name {
					inner = b.Body
				}
			}
			body = inner
			continue
		}
		a := body.Attributes[name]
		if a == nil {
			return ""
		}
		text := files(t)[a.Expr.Range().Filename]
		return string(a.Expr.Range().SliceBytes(text))
	}
	return ""
}

func TestTheResourcesAreAsTheDriversNeedThem(t *testing.T) {
	c := read(t)
	const (
		subscription = "resource.azurerm_servicebus_subscription.leaver"
		queue        = "resource.azurerm_servicebus_queue.leaver"
		topic        = "resource.azurerm_servicebus_topic.leaver"
	)
	for _, want := range []struct {
		address string
		path    []string
		text    string
	}{
		{"provider.azurerm", []string{"features", "servicebus", "auto_delete_subscription_default_rule"}, "true"},
		{"resource.azurerm_servicebus_namespace.leaver", []string{"sku"}, `"Standard"`},
		{"resource.azurerm_servicebus_namespace.leaver", []string{"local_auth_enabled"}, "false"},
		{queue, []string{"for_each"}, "local.queues"},
		{queue, []string{"max_delivery_count"}, "2000"},
		{queue, []string{"requires_duplicate_detection"}, "true"},
		{queue, []string{"duplicate_detection_history_time_window"}, `"PT10M"`},
		{queue, []string{"default_message_ttl"}, ""},
		{topic, []string{"requires_duplicate_detection"}, "true"},
		{topic, []string{"duplicate_detection_history_time_window"}, `"PT10M"`},
		{topic, []string{"default_message_ttl"}, ""},
		{subscription, []string{"for_each"}, "local.subscriptions"},
		{subscription, []string{"max_delivery_count"}, "2000"},
		{subscription, []string{"default_message_ttl"}, ""},
		{"resource.azurerm_servicebus_subscription_rule.label", []string{"for_each"}, "local.labels"},
		{"resource.azurerm_servicebus_subscription_rule.label", []string{"correlation_filter", "label"}, "each.value.label"},
		{"resource.azurerm_servicebus_subscription_rule.to", []string{"for_each"}, "local.subscriptions"},
		{"resource.azurerm_servicebus_subscription_rule.to", []string{"correlation_filter", "to"}, "each.key"},
		{"resource.azurerm_storage_account.ledger", []string{"shared_access_key_enabled"}, "false"},
		{"resource.azurerm_storage_account.ledger", []string{"lifecycle", "prevent_destroy"}, "true"},
		{"resource.azurerm_resource_group_template_deployment.ledger", []string{"lifecycle", "prevent_destroy"}, "true"},
		{"resource.azurerm_resource_group_template_deployment.ledger", []string{"deployment_mode"}, `"Incremental"`},
		{"resource.azuread_application_federated_identity_credential.aws", []string{"audiences"}, `["` + identity.Audience + `"]`},
		{"resource.azuread_application_registration.function", []string{"for_each"}, "local.functions"},
		{"resource.azuread_app_role_assignment.graph", []string{"for_each"}, "local.given"},
		{"resource.azuread_app_role_assignment.exchange", []string{"for_each"}, "local.exchange"},
		{"resource.azurerm_role_assignment.send", []string{"for_each"}, "local.send"},
		{"resource.azurerm_role_assignment.send", []string{"role_definition_name"}, `"Azure Service Bus Data Sender"`},
		{"resource.azurerm_role_assignment.listen", []string{"for_each"}, "local.listen"},
		{"resource.azurerm_role_assignment.listen", []string{"role_definition_name"}, `"Azure Service Bus Data Receiver"`},
		{"resource.azurerm_role_assignment.operator", []string{"scope"}, "local.operator[each.value.role]"},
		{"resource.azurerm_role_assignment.operator", []string{"role_definition_name"}, "each.value.role"},
		{"resource.azurerm_role_assignment.ledger", []string{"for_each"}, "setsubtract(local.ledger, setunion(local.erases, local.reads))"},
		{"resource.azurerm_role_assignment.ledger", []string{"role_definition_id"}, "azurerm_role_definition.writer.role_definition_resource_id"},
		{"resource.azurerm_role_assignment.operator_ledger", []string{"role_definition_id"}, "azurerm_role_definition.writer.role_definition_resource_id"},
		{"resource.azurerm_role_assignment.erases", []string{"for_each"}, "local.erases"},
		{"resource.azurerm_role_assignment.erases", []string{"role_definition_name"}, `"Storage Table Data Contributor"`},
		{"resource.azurerm_role_assignment.reads", []string{"for_each"}, "local.reads"},
		{"resource.azurerm_role_assignment.reads", []string{"role_definition_name"}, `"Storage Table Data Reader"`},
		{"resource.azurerm_role_assignment.backup", []string{"for_each"}, "local.reads"},
		{"resource.azurerm_role_assignment.backup", []string{"scope"}, "local.backup_id"},
		{"resource.azurerm_role_assignment.backup", []string{"role_definition_id"}, "azurerm_role_definition.keeper.role_definition_resource_id"},
		{"resource.azurerm_role_assignment.operator_backup", []string{"role_definition_name"}, `"Storage Blob Data Reader"`},
		{"resource.azurerm_storage_account.backup", []string{"shared_access_key_enabled"}, "false"},
		{"resource.azurerm_storage_account.backup", []string{"lifecycle", "prevent_destroy"}, "true"},
		{"resource.azurerm_storage_account.backup", []string{"blob_properties", "versioning_enabled"}, "true"},
		{"resource.azurerm_storage_account.backup", []string{"immutability_policy", "allow_protected_append_writes"}, "false"},
		{"resource.azurerm_resource_group_template_deployment.backup", []string{"lifecycle", "prevent_destroy"}, "true"},
		{"resource.azurerm_storage_management_policy.backup", []string{"rule", "actions", "base_blob", "delete_after_days_since_creation_greater_than"}, "var.backup_days"},
		{"resource.azurerm_storage_management_policy.backup", []string{"rule", "actions", "version", "delete_after_days_since_creation"}, "var.backup_days"},
		{"resource.azurerm_storage_management_policy.backup", []string{"rule", "filters", "prefix_match"}, `["${local.backup}/ledger-"]`},
	} {
		if got := c.source(t, want.address, want.path...); got != want.text {
			t.Errorf("%s %s is %q and should be %q", want.address, strings.Join(want.path, "."), got, want.text)
		}
	}
}

// TestWhatIsNamedIsThere finds names of resources, data, variables and local values that nothing
// declares, as terraform validate does where there is one.
func TestWhatIsNamedIsThere(t *testing.T) {
	c := read(t)
	for name, text := range files(t) {
		file, diagnostics := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
		if diagnostics.HasErrors() {
			t.Fatal(diagnostics)
		}
		_ = hclsyntax.VisitAll(file.Body.(*hclsyntax.Body), func(n hclsyntax.Node) hcl.Diagnostics {
			e, is := n.(*hclsyntax.ScopeTraversalExpr)
			if !is || len(e.Traversal) < 2 {
				return nil
			}
			var path []string
			for _, step := range e.Traversal {
				switch step := step.(type) {
				case hcl.TraverseRoot:
					path = append(path, step.Name)
				case hcl.TraverseAttr:
					path = append(path, step.Name)
				}
			}
			there := true
			switch {
			case path[0] == "local":
				_, there = c.locals[path[1]]
			case path[0] == "var":
				_, there = c.blocks["variable."+path[1]]
			case path[0] == "data":
				_, there = c.blocks[strings.Join(path[:3], ".")]
			case strings.HasPrefix(path[0], "azure"):
				_, there = c.blocks["resource."+path[0]+"."+path[1]]
			}
			if !there {
				t.Errorf("%s: there is no %s", e.SrcRange, strings.Join(path, "."))
			}
			return nil
		})
	}
}

// TestTheRegistrationsAreNamedAsTheirOwnersAreLookedUp: plan finds them by how their names begin.
func TestTheRegistrationsAreNamedAsTheirOwnersAreLookedUp(t *testing.T) {
	name := read(t).source(t, "resource.azuread_application_registration.function", "display_name")
	if want := `"` + offboarding.Registrations + `${each.key}"`; name != want {
		t.Errorf("the registrations are called %s, want %s", name, want)
	}
}

// TestTheTableIsThatOfTheDriver: the template makes it, and the rights are about it. The provider's
// own resources for what is in a storage account take an account key or a data role.
func TestTheTableIsThatOfTheDriver(t *testing.T) {
	c := read(t)
	if got := c.evaluate(t, "table").AsString(); got != aztables.Table {
		t.Errorf("the table is %q and should be %q", got, aztables.Table)
	}
	template := c.source(t, "resource.azurerm_resource_group_template_deployment.ledger", "template_content")
	if name := `"${azurerm_storage_account.ledger.name}/default/${local.table}"`; !strings.Contains(template, name) {
		t.Errorf("the template does not make %s:\n%s", name, template)
	}
	for _, of := range []string{"ledger", "erases", "reads", "operator_ledger"} {
		if got := c.source(t, "resource.azurerm_role_assignment."+of, "scope"); got != "local.table_id" {
			t.Errorf("the rights of %s are about %s and should be about local.table_id", of, got)
		}
	}
	for address := range c.blocks {
		// The life cycle is of the account.
		if strings.HasPrefix(address, "resource.azurerm_storage_") && !slices.Contains([]string{"resource.azurerm_storage_account.ledger", "resource.azurerm_storage_account.backup", "resource.azurerm_storage_management_policy.backup"}, address) {
			t.Errorf("%s is made by account key or with a data role", address)
		}
	}
}

// TestTheLedgerIsLoggedAndKept: who writes is on record where a workspace is given, a backup cannot be
// changed, and nobody removes a row but the function that erases.
func TestTheLedgerIsLoggedAndKept(t *testing.T) {
	c := read(t)
	for _, of := range []string{"ledger", "bus", "backup"} {
		if got := c.source(t, "resource.azurerm_monitor_diagnostic_setting."+of, "log_analytics_workspace_id"); got != "var.logs" {
			t.Errorf("the log of the %s goes to %q, want var.logs", of, got)
		}
	}
	if got := c.source(t, "resource.azurerm_storage_account.backup", "immutability_policy", "period_since_creation_in_days"); got != "var.backup_days" {
		t.Errorf("a backup is kept for %q, want var.backup_days", got)
	}
	actions := c.source(t, "resource.azurerm_role_definition.writer", "permissions", "data_actions")
	for _, action := range strings.Fields(actions) {
		if strings.Contains(action, "delete") || strings.HasSuffix(action, "/write\",") || strings.Contains(action, "*") {
			t.Errorf("a step may %s", action)
		}
	}
	if !strings.Contains(actions, "entities/add/action") || !strings.Contains(actions, "entities/update/action") {
		t.Errorf("a step may only %s", actions)
	}
	if keeps := c.source(t, "resource.azurerm_role_definition.keeper", "permissions", "data_actions"); strings.Contains(keeps, "delete") || strings.Contains(keeps, "*") || strings.Contains(keeps, "tableServices") {
		t.Errorf("who copies the ledger may %s", keeps)
	}
	equal(t, "who only reads", c.names(t, "reads"), []string{offboarding.FunctionBackup})
	equal(t, "who removes rows", c.names(t, "erases"), []string{offboarding.FunctionWatch})
}

// TestNothingElseGrantsRights finds a grant that the lists do not know.
func TestNothingElseGrantsRights(t *testing.T) {
	known := []string{"azuread_app_role_assignment.graph", "azuread_app_role_assignment.exchange", "azurerm_role_assignment.send", "azurerm_role_assignment.listen", "azurerm_role_assignment.ledger", "azurerm_role_assignment.erases", "azurerm_role_assignment.reads", "azurerm_role_assignment.backup", "azurerm_role_assignment.operator", "azurerm_role_assignment.operator_backup", "azurerm_role_assignment.operator_ledger", "azurerm_role_assignment.export", "azuread_app_role_assignment.console"}
	for address := range read(t).blocks {
		name := strings.TrimPrefix(address, "resource.")
		if strings.Contains(name, "role_assignment") != slices.Contains(known, name) {
			t.Errorf("%s grants something: is it in the lists?", address)
		}
		// The public half of a certificate is none.
		public := name == "azuread_application_certificate.inside" || name == "variable.certificates"
		if strings.Contains(name, "password") || strings.Contains(name, "certificate") && !public || strings.Contains(name, "authorization_rule") {
			t.Errorf("%s is a secret to keep", address)
		}
	}
}

// TestAFunctionInsideIsNoRoleOfAWS: it has a certificate whose public half alone is known here, or
// the identity of its host, and neither a role of AWS nor a parameter of the functions there.
func TestAFunctionInsideIsNoRoleOfAWS(t *testing.T) {
	c := read(t)
	var inside, outside []string
	for name, f := range c.evaluate(t, "functions").AsValueMap() {
		if f.GetAttr("inside").True() {
			inside = append(inside, name)
		} else {
			outside = append(outside, name)
		}
	}
	for _, spec := range offboarding.Steps {
		if spec.Inside != slices.Contains(inside, string(spec.Name)) {
			t.Errorf("%s: inside is %v", spec.Name, !spec.Inside)
		}
	}
	for _, name := range inside {
		if f, _ := offboarding.FunctionOf(name); len(f.Permissions) > 0 || f.Exchange {
			t.Errorf("%s runs inside and may change Microsoft 365", name)
		}
	}
	if len(outside) == 0 {
		t.Error("no function runs on AWS")
	}
	for _, want := range []struct{ address, attribute, part string }{
		{"resource.azuread_application_federated_identity_credential.aws", "for_each", "if !f.inside"},
		{"resource.azuread_application_certificate.inside", "for_each", "if f.inside"},
		{"resource.azuread_application_certificate.inside", "type", `"AsymmetricX509Cert"`},
		{"output.parameters", "value", "if !local.functions[name].inside"},
		{"output.inside", "value", "if f.inside"},
		{"resource.azurerm_role_assignment.send", "principal_id", "local.principals[each.value.function]"},
		{"resource.azurerm_role_assignment.listen", "principal_id", "local.principals[each.value.function]"},
		{"resource.azurerm_role_assignment.ledger", "principal_id", "local.principals[each.key]"},
	} {
		if got := c.source(t, want.address, want.attribute); !strings.Contains(got, want.part) {
			t.Errorf("%s %s is %q, want %q in it", want.address, want.attribute, got, want.part)
		}
	}
}

func TestTheCloudsAreThoseOfTheCode(t *testing.T) {
	clouds := read(t).evaluate(t, "clouds").AsValueMap()
	if len(clouds) != 4 {
		t.Errorf("%d clouds", len(clouds))
	}
	for name := range clouds {
		if _, err := identity.CloudOf(name); err != nil {
			t.Error(err)
		}
	}
}
