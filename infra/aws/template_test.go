// Package aws holds what is said about the deployment on AWS: template.yaml, at the top of the
// project, against the lists of functions, rights and environment variables that the code has.
package aws_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"leaver/shared/bus"
	"leaver/shared/environment"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

const root = "../../"

// object is a mapping of the template; a tag like !Ref X is the object {"!Ref": X}.
type object = map[string]any

// value is a node of the template as plain data.
func value(t testing.TB, n ast.Node) any {
	t.Helper()
	switch n := n.(type) {
	case *ast.TagNode:
		if n.Start.Value == "!GetAtt" {
			text, _ := value(t, n.Value).(string)
			return object{n.Start.Value: text}
		}
		return object{n.Start.Value: value(t, n.Value)}
	case *ast.MappingNode:
		m := object{}
		for _, v := range n.Values {
			m[v.Key.GetToken().Value] = value(t, v.Value)
		}
		return m
	case *ast.MappingValueNode:
		return object{n.Key.GetToken().Value: value(t, n.Value)}
	case *ast.SequenceNode:
		list := []any{}
		for _, v := range n.Values {
			list = append(list, value(t, v))
		}
		return list
	case *ast.LiteralNode:
		return n.Value.Value
	case ast.ScalarNode:
		return n.GetValue()
	}
	t.Fatalf("template.yaml holds a %T", n)
	return nil
}

// template is template.yaml, and the names of its functions in order.
type template struct {
	parameters, globals, resources object
	order                          []string
}

func read(t testing.TB) template {
	t.Helper()
	text, err := os.ReadFile(root + "template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := value(t, file.Docs[0].Body).(object)
	out := template{parameters: at(all, "Parameters"), globals: at(all, "Globals", "Function"), resources: at(all, "Resources")}
	for line := range strings.Lines(string(text)) {
		name, is := strings.CutPrefix(line, "  ")
		name, _, _ = strings.Cut(name, ":")
		if is && textAt(out.resources, name, "Type") == "AWS::Serverless::Function" {
			out.order = append(out.order, name)
		}
	}
	return out
}

// at walks down mappings; what is not there is empty.
func at(m object, path ...string) object {
	for _, name := range path {
		m, _ = m[name].(object)
	}
	return m
}

// textAt is the text at the end of a path, also below a list's first element and a tag.
func textAt(m object, path ...string) string {
	v := any(m)
	for _, name := range path {
		if list, is := v.([]any); is && len(list) > 0 {
			v = list[0]
		}
		o, _ := v.(object)
		v = o[name]
	}
	switch v := v.(type) {
	case nil:
		return ""
	case []any, object:
		text, _ := json.Marshal(v)
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}

func logical(function string) string { return strings.ToUpper(function[:1]) + function[1:] }

func ref(name string) object   { return object{"!Ref": name} }
func attr(name string) object  { return object{"!GetAtt": name} }
func sub(format string) object { return object{"!Sub": format} }
func same(got, want any) bool  { return asJSON(got) == asJSON(want) }
func asJSON(v any) string      { text, _ := json.Marshal(v); return string(text) }
func isQueue(name string) bool { return slices.ContainsFunc(bus.Subscriptions(), named(name)) }
func named(name string) func(bus.Subscription) bool {
	return func(s bus.Subscription) bool { return s.Name == name }
}

// samples are values for the parameters, as an account would give them.
var samples = map[string]string{
	"Prefix": "leaver-", "Cloud": "worldwide", "TenantId": "11111111-2222-3333-4444-555555555555",
	"ServiceBus": "contoso-leaver.servicebus.windows.net", "Tables": "https://contosoleaver.table.core.windows.net",
	"WebhookSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:leaver/webhooks-AbCdEf",
	"PolicyArn":        "arn:aws:ssm:eu-west-1:123456789012:parameter/leaver/policy",
	"SourcesArn":       "arn:aws:ssm:eu-west-1:123456789012:parameter/leaver/sources",
	"LedgerKeys":       ledgertest.Proof("").Keys[0].String(),
	"BackupStorage":    "azblob://ledger?storage_account=contosoleaverbackup&domain=blob.core.windows.net",
	"SigningKeyArn":    "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
}

// environ is what a function finds in its environment.
func (tp template) environ(function string) (environ []string) {
	all := object{}
	for _, set := range []object{at(tp.globals, "Environment", "Variables"), at(tp.resources, logical(function), "Properties", "Environment", "Variables")} {
		for name, v := range set {
			all[name] = v
		}
	}
	for name, v := range all {
		text := fmt.Sprint(v)
		if o, is := v.(object); is {
			parameter, _ := o["!Ref"].(string)
			text = samples[parameter] // of a condition: as if it did not hold
			if strings.HasSuffix(parameter, "ClientId") {
				text = "22222222-3333-4444-5555-666666666666"
			}
		}
		environ = append(environ, name+"="+text)
	}
	return environ
}

// faults are all that is wrong with the template. Files are looked up by their path from the
// top of the project.
func (tp template) faults(exists func(path string) bool) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var want []string
	for _, f := range offboarding.InCloud() {
		want = append(want, logical(f.Name))
		tp.function(f, exists, fault)
	}
	if !slices.Equal(tp.order, want) {
		fault("the functions are %v and should be, in the order of the README, %v", tp.order, want)
	}
	if got, want := tp.resources["Federation"], federation(); !same(at(tp.resources, "Federation", "Properties", "PolicyDocument"), want) {
		fault("Federation is %s", asJSON(got))
	}
	for name, v := range at(tp.globals, "Environment", "Variables") {
		if !slices.ContainsFunc(offboarding.InCloud(), func(f offboarding.Function) bool { return slices.Contains(environment.VariablesOf(f), name) }) {
			fault("nobody reads %s", name)
		}
		if strings.Contains(name, "SECRET") && v != "" {
			fault("%s is not empty", name)
		}
	}
	for name, r := range tp.resources {
		r := r.(object)
		properties := at(r, "Properties")
		switch r["Type"] {
		case "AWS::CloudWatch::Alarm":
			if !same(properties["AlarmActions"], []any{ref("Alarms")}) {
				fault("alarm %s tells nobody", name)
			}
			page := playbook.FindString(textAt(properties, "AlarmDescription"))
			if page == "" || !exists(page) {
				fault("alarm %s names no playbook that is there: %q", name, page)
			}
		case "AWS::Logs::LogGroup":
			if properties["RetentionInDays"] == nil {
				fault("log group %s keeps its lines for ever", name)
			}
			if !same(properties["KmsKeyId"], attr("Key.Arn")) {
				fault("log group %s is under no key of its own", name)
			}
		}
	}
	tp.guarded(fault)
	tp.references(fault)
	return faults
}

// noise is how many requests a second the front door takes that nobody has signed, without keeping a signed
// one waiting: those of TestNoiseKeepsNoSignedWebhookWaiting, and as many again.
const noise = 600

// guarded is what tells, and keeps from others, what became of the functions and of what came in.
func (tp template) guarded(fault func(string, ...any)) {
	webhooks := at(tp.resources, "Webhooks", "Properties")
	if !same(at(webhooks, "AccessLogSettings")["DestinationArn"], attr("WebhooksLog.Arn")) {
		fault("nobody keeps who called the webhooks")
	}
	for _, field := range regexp.MustCompile(`\$context\.[a-zA-Z.]+`).FindAllString(textAt(webhooks, "AccessLogSettings", "Format"), -1) {
		if !slices.Contains([]string{"$context.requestTime", "$context.identity.sourceIp", "$context.routeKey", "$context.status", "$context.responseLength", "$context.responseLatency"}, field) {
			fault("the access log has %s: paths, queries and headers hold secrets", field)
		}
	}
	if rate, _ := strconv.Atoi(fmt.Sprint(at(webhooks, "DefaultRouteSettings")["ThrottlingRateLimit"])); rate < noise {
		fault("the front door takes %d requests a second of anybody: noise keeps signed webhooks out", rate)
	}
	if !same(at(tp.resources, "Alarms", "Properties")["KmsMasterKeyId"], ref("Key")) {
		fault("the topic of the alarms is under no key of its own")
	}
	if at(tp.resources, "Key", "Properties")["EnableKeyRotation"] != true || at(tp.resources, "Key")["DeletionPolicy"] != "Retain" {
		fault("the key of logs and alarms is not rotated, or goes with the stack")
	}
	if textAt(tp.resources, "Signing", "Properties", "CodeSigningPolicies", "UntrustedArtifactOnDeployment") != "Enforce" {
		fault("code that nobody signed is deployed")
	}
	if !same(at(tp.resources, "FunctionsChanged", "Properties")["Targets"], []any{object{"Id": "alarms", "Arn": ref("Alarms")}}) {
		fault("nobody is told of a function that was changed")
	}
}

var playbook = regexp.MustCompile(`infra/playbooks/[a-z-]+\.md`)

// federation lets a role have the tokens that Entra takes, and no others.
// Source: AWS IAM, Controlling access with IAM policies (outbound identity federation).
func federation() object {
	return object{"Version": "2012-10-17", "Statement": []any{object{
		"Effect": "Allow", "Action": "sts:GetWebIdentityToken", "Resource": "*",
		"Condition": object{
			"ForAllValues:StringEquals": object{"sts:IdentityTokenAudience": "api://AzureADTokenExchange"},
			"StringEquals":              object{"sts:SigningAlgorithm": "RS256"},
			"NumericLessThanEquals":     object{"sts:DurationSeconds": 300},
		},
	}}}
}

func (tp template) function(f offboarding.Function, exists func(string) bool, fault func(string, ...any)) {
	id := logical(f.Name)
	block := at(tp.resources, id)
	if block == nil {
		fault("%s has no block", f.Name)
		return
	}
	properties := at(block, "Properties")
	is := func(what string, got, want any) {
		if !same(got, want) {
			fault("%s: %s is %s and should be %s", f.Name, what, asJSON(got), asJSON(want))
		}
	}
	is("BuildMethod", at(block, "Metadata")["BuildMethod"], "go1.x")
	is("CodeUri", properties["CodeUri"], "functions/"+f.Name+"/lambda/")
	is("FunctionName", properties["FunctionName"], sub("${Prefix}"+f.Name))
	is("Runtime", tp.globals["Runtime"], "provided.al2023")
	is("Architectures", tp.globals["Architectures"], []any{"arm64"})
	is("Handler", tp.globals["Handler"], "bootstrap")
	is("MaximumEventAgeInSeconds", at(tp.globals, "EventInvokeConfig")["MaximumEventAgeInSeconds"], 60)
	is("ReservedConcurrentExecutions", tp.globals["ReservedConcurrentExecutions"], object{"!If": []any{"Reserve", ref("ReservedConcurrency"), ref("AWS::NoValue")}})
	is("CodeSigningConfigArn", tp.globals["CodeSigningConfigArn"], object{"!If": []any{"CodeSigned", ref("Signing"), ref("AWS::NoValue")}})
	is("LoggingConfig", properties["LoggingConfig"], object{"LogGroup": ref(id + "Log")})
	is("the name of the log group", at(tp.resources, id+"Log", "Properties")["LogGroupName"], sub("/aws/lambda/${Prefix}"+f.Name))
	tp.environment(f, fault)
	tp.role(f, is)
	tp.trigger(f, is)
	tp.alarms(f, fault)
	if file := "events/" + f.Name + ".json"; !exists(file) {
		fault("%s has no sample %s", f.Name, file)
	}
}

func (tp template) environment(f offboarding.Function, fault func(string, ...any)) {
	environ := tp.environ(f.Name)
	known := environment.VariablesOf(f)
	_, err := environment.Read[environment.Function](environ)
	if f.Name == "intake" {
		_, err = environment.Read[environment.Intake](environ)
	}
	if err != nil {
		fault("%s: its environment is refused: %v", f.Name, err)
	}
	variables := at(tp.resources, logical(f.Name), "Properties", "Environment", "Variables")
	for name, v := range variables {
		if !slices.Contains(known, name) {
			fault("%s: nobody reads %s", f.Name, name)
		}
		if strings.Contains(name, "SECRET") && !same(v, ref("WebhookSecretArn")) {
			fault("%s: %s is not an ARN", f.Name, name)
		}
	}
	for name, needed := range map[string]bool{
		"LEAVER_TABLES": f.Ledger, "LEAVER_LEDGER_KEYS": f.Ledger, "LEAVER_LEDGER_SIGNER": f.Signs, "LEAVER_ANCHORS": f.Anchored(), "LEAVER_BACKUP": f.Name == "backup", "LEAVER_WAKE_PREFIX": len(bus.Wakes(f.Name)) > 0,
		"LEAVER_WEBHOOK_SECRETS": f.Name == "intake", "LEAVER_SOURCES": f.Name == "intake" || f.Sources || f.Limits, "LEAVER_POLICY": f.Policy, "LEAVER_CLIENT_ID": true,
		"LEAVER_CONSOLE_CLIENT_ID": f.People, "LEAVER_CONSOLE_URL": f.People || f.Channels, "LEAVER_CONSOLE_KEY": f.People,
	} {
		if _, has := variables[name]; has != needed {
			fault("%s: has %s: %t", f.Name, name, has)
		}
	}
}

func (tp template) role(f offboarding.Function, is func(string, any, any)) {
	id := logical(f.Name)
	allow := func(action any, resource any) any {
		return object{"Effect": "Allow", "Action": action, "Resource": resource}
	}
	statements := []any{allow([]any{"logs:CreateLogStream", "logs:PutLogEvents"}, attr(id+"Log.Arn"))}
	if f.Name == "intake" {
		statements = append(statements, allow("secretsmanager:GetSecretValue", []any{ref("WebhookSecretArn"), secretsUnder("leaver/webhooks/")}))
	}
	if f.Sources {
		statements = append(statements, allow("secretsmanager:GetSecretValue", secretsUnder("leaver/hr/")))
	}
	if f.Channels {
		statements = append(statements, allow("secretsmanager:GetSecretValue", secretsUnder("leaver/notify/")))
	}
	if f.Name == "intake" || f.Sources || f.Limits {
		statements = append(statements, allow("ssm:GetParameter", ref("SourcesArn")))
	}
	if f.People {
		statements = append(statements, allow("secretsmanager:GetSecretValue", ref("ConsoleKey")))
	}
	if f.Connection != "" {
		statements = append(statements, allow("secretsmanager:GetSecretValue", secretsUnder("leaver/"+f.Name)))
	}
	if f.Policy {
		statements = append(statements, allow("ssm:GetParameter", ref("PolicyArn")))
	}
	if f.Signs {
		statements = append(statements, allow([]any{"kms:GetPublicKey", "kms:Sign"}, ref("SigningKeyArn")))
	}
	if f.Anchored() {
		anchors := func(action, under string) any {
			return object{"!If": []any{"Anchors", allow(action, sub("arn:${AWS::Partition}:s3:::${AnchorBucket}"+under)), ref("AWS::NoValue")}}
		}
		statements = append(statements, anchors("s3:ListBucket", ""), anchors("s3:GetObject", "/leaver-*"))
		if f.Signs {
			statements = append(statements, anchors("s3:PutObject", "/leaver-*"))
		}
	}
	if f.Storage {
		bucket := func(action any, below string) any {
			return object{"!If": []any{"Exports", allow(action, sub("arn:${AWS::Partition}:s3:::${ExportBucket}"+below)), ref("AWS::NoValue")}}
		}
		statements = append(statements, bucket("s3:ListBucket", ""), bucket([]any{"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}, "/*"))
	}
	if wakes := bus.Wakes(f.Name); len(wakes) > 0 {
		var functions []any
		for _, w := range wakes {
			functions = append(functions, attr(logical(w)+".Arn"))
		}
		statements = append(statements, allow("lambda:InvokeFunction", functions))
	}
	is("Role", at(tp.resources, id, "Properties")["Role"], attr(id+"Role.Arn"))
	is("the role", at(tp.resources, id+"Role")["Properties"], object{
		"RoleName": sub("${Prefix}" + f.Name),
		"AssumeRolePolicyDocument": object{"Version": "2012-10-17", "Statement": []any{object{
			"Effect": "Allow", "Principal": object{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
		}}},
		"ManagedPolicyArns": []any{ref("Federation")},
		"Policies": []any{object{"PolicyName": "own", "PolicyDocument": object{
			"Version": "2012-10-17", "Statement": statements,
		}}},
	})
}

// secretsUnder are the secrets of the account whose names begin so.
func secretsUnder(prefix string) any {
	return sub("arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:" + prefix + "*")
}

// isScheduled reports whether a function runs every minute, whatever happens.
func isScheduled(function string) bool {
	return isQueue(function) || function == "watch" || function == "notify"
}

func (tp template) trigger(f offboarding.Function, is func(string, any, any)) {
	all, _ := at(tp.resources, logical(f.Name), "Properties")["Events"].(object)
	is("the examination", all["EverySixHours"], object{"Type": "Schedule", "Properties": object{"Schedule": "rate(6 hours)", "Input": `{"examine":true}`}})
	events := maps.Clone(all)
	delete(events, "EverySixHours")
	api := func(method, path string) any {
		return object{"Type": "HttpApi", "Properties": object{"ApiId": ref("Webhooks"), "Path": path, "Method": method}}
	}
	switch {
	case isScheduled(f.Name):
		is("the trigger", events, object{"EveryMinute": object{"Type": "Schedule", "Properties": object{"Schedule": "rate(1 minute)"}}})
	case f.Name == "backup":
		is("the trigger", events, object{"EveryHour": object{"Type": "Schedule", "Properties": object{"Schedule": "rate(1 hour)"}}})
	case f.Name == "intake":
		is("the trigger", events, object{"Webhook": api("ANY", "/webhooks/{source+}"), "Health": api("GET", "/healthz")})
	case f.People:
		is("the trigger", events, object{"Pages": api("ANY", "/console/{page+}"), "First": api("GET", "/console")})
	default:
		is("the trigger", events, object{})
	}
}

func (tp template) alarms(f offboarding.Function, fault func(string, ...any)) {
	needed := [][3]string{{"AWS/Lambda", "Errors", asJSON([]any{object{"Name": "FunctionName", "Value": ref(logical(f.Name))}})}}
	ours := func(metric, dimension string) {
		needed = append(needed, [3]string{"Leaver", metric, asJSON([]any{object{"Name": dimension, "Value": f.Name}})})
	}
	if isQueue(f.Name) {
		ours("OldestMessageAge", "Subscription")
		ours("DeadLetters", "Subscription")
	}
	if isScheduled(f.Name) {
		ours("Success", "Function")
	}
	if f.Name == "backup" {
		needed = append(needed, [3]string{"Leaver", "BackupAge", "null"})
	}
	for _, alarm := range needed {
		found := false
		for _, r := range tp.resources {
			p := at(r.(object), "Properties")
			if r.(object)["Type"] != "AWS::CloudWatch::Alarm" || [3]string{textAt(p, "Namespace"), textAt(p, "MetricName"), asJSON(p["Dimensions"])} != alarm {
				continue
			}
			found = true
			// That nothing is reported is what this one is for.
			if silent := p["TreatMissingData"] == "breaching"; silent != (alarm[1] == "Success" || alarm[1] == "BackupAge") {
				fault("%s: the alarm on %s treats missing data as %v", f.Name, alarm[1], p["TreatMissingData"])
			}
		}
		if !found {
			fault("%s has no alarm on %s", f.Name, alarm[1])
		}
	}
}

var placeholder = regexp.MustCompile(`\$\{([A-Za-z:]+)(\.[A-Za-z]+)?\}`)

// references finds every !Ref, !GetAtt and !Sub of something that is not there.
func (tp template) references(fault func(string, ...any)) {
	known := func(name string) bool {
		_, parameter := tp.parameters[name]
		_, resource := tp.resources[name]
		return parameter || resource || strings.HasPrefix(name, "AWS::")
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case object:
			for key, e := range v {
				var names []string
				text, _ := e.(string)
				switch key {
				case "!Ref":
					names = []string{text}
				case "!GetAtt":
					name, _, _ := strings.Cut(text, ".")
					names = []string{name}
				case "!Sub":
					for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
						names = append(names, m[1])
					}
				}
				for _, name := range names {
					if !known(name) {
						fault("%s %s: there is no %s", key, text, name)
					}
				}
				walk(e)
			}
		}
	}
	walk(tp.globals)
	walk(tp.resources)
}

func onDisk(path string) bool {
	_, err := os.Stat(root + path)
	return err == nil
}

func TestTheTemplateFitsTheCode(t *testing.T) {
	for _, f := range read(t).faults(onDisk) {
		t.Error(f)
	}
}

// TestThePolicyGoesToThoseWhoReadIt holds the catalogue against the functions' mains.
func TestThePolicyGoesToThoseWhoReadIt(t *testing.T) {
	for _, f := range offboarding.InCloud() {
		main, err := os.ReadFile(root + "functions/" + f.Name + "/lambda/main.go")
		if err != nil {
			t.Fatal(err)
		}
		reads := strings.Contains(string(main), "f.Policy(") || strings.Contains(string(main), "f.Looking(")
		if reads != f.Policy {
			t.Errorf("%s reads the policy: %t, and the catalogue says %t", f.Name, reads, f.Policy)
		}
	}
}

// TestWhatIsDeployedIsWhatIsTested: sam build takes nothing from a cache that sees the folders of
// the mains alone, and builds as the tests and the figures do.
func TestWhatIsDeployedIsWhatIsTested(t *testing.T) {
	for file, line := range map[string]string{
		"samconfig.toml":  "\ncached = false\n",
		"infra/README.md": `CGO_ENABLED=0 GOFLAGS="-tags=lambda.norpc,grpcnotrace -ldflags=-s" sam build`,
	} {
		text, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), line) {
			t.Errorf("%s does not say %q", file, line)
		}
	}
}

// TestWhatTheTemplateAsksForIsGiven: by the page about deploying, or by the output of infra/azure that it
// passes on.
func TestWhatTheTemplateAsksForIsGiven(t *testing.T) {
	var given string
	for _, file := range []string{"infra/README.md", "infra/azure/outputs.tf"} {
		text, err := os.ReadFile(root + file)
		if err != nil {
			t.Fatal(err)
		}
		given += string(text)
	}
	for name, parameter := range read(t).parameters {
		_, has := parameter.(object)["Default"]
		if !has && !strings.Contains(given, name+"=") && !strings.HasSuffix(name, "ClientId") {
			t.Errorf("nothing says what %s is", name)
		}
	}
}

// TestTheSigningKeysPolicyAllowsThoseWhoSign and nobody else of the account: the template cannot say so,
// as the key is not its own.
// Source: AWS Key Management Service Developer Guide, "Default key policy"; IAM User Guide, "AWS global
// condition context keys", aws:PrincipalArn, which is that of the role and not of its session.
func TestTheSigningKeysPolicyAllowsThoseWhoSign(t *testing.T) {
	text, err := os.ReadFile("signing-key.json")
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect    string
			Principal struct{ AWS string }
			Action    []string
			Condition struct {
				ArnEquals map[string][]string
			}
		}
	}
	if err := json.Unmarshal(text, &policy); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || s.Principal.AWS != "arn:aws:iam::ACCOUNT:root" {
			t.Errorf("a statement is %s for %s, want Allow for the account", s.Effect, s.Principal.AWS)
		}
		signs := slices.ContainsFunc(s.Action, func(action string) bool {
			return action == "kms:*" || action == "kms:CreateGrant" || strings.HasPrefix(action, "kms:S") && action != "kms:ScheduleKeyDeletion"
		})
		if !signs {
			continue
		}
		if !same(s.Action, []string{"kms:GetPublicKey", "kms:Sign"}) || len(s.Condition.ArnEquals["aws:PrincipalArn"]) == 0 {
			t.Errorf("%v is allowed to %v, want the two actions of the template, to named roles", s.Action, s.Condition.ArnEquals)
		}
		got = append(got, s.Condition.ArnEquals["aws:PrincipalArn"]...)
	}
	for _, f := range offboarding.InCloud() {
		if f.Signs {
			want = append(want, "arn:aws:iam::ACCOUNT:role/"+samples["Prefix"]+f.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the key signs for %v, want %v", got, want)
	}
}

// TestWhatIsMissingIsNoticed proves the test above: it spoils the template in every way that a
// slip could, and expects the fault to be named.
func TestWhatIsMissingIsNoticed(t *testing.T) {
	in := func(path ...string) func(template) object {
		return func(tp template) object { return at(tp.resources, path...) }
	}
	remove := func(where func(template) object, key string) func(template) {
		return func(tp template) { delete(where(tp), key) }
	}
	set := func(where func(template) object, key string, v any) func(template) {
		return func(tp template) { where(tp)[key] = v }
	}
	resources := func(tp template) object { return tp.resources }
	variables := func(function string) func(template) object {
		return in(function, "Properties", "Environment", "Variables")
	}
	tests := []struct {
		name  string
		spoil func(template)
		want  string
	}{
		{"no block", remove(resources, "Wipe"), "wipe has no block"},
		{"the code of another function", set(in("Wipe", "Properties"), "CodeUri", "functions/block/lambda/"), "wipe: CodeUri"},
		{"no role", remove(resources, "WipeRole"), "wipe: the role is null"},
		{"the role of another function", set(in("Wipe", "Properties"), "Role", attr("DeleteRole.Arn")), "wipe: Role"},
		{"a role that may do more", set(in("SignoutRole", "Properties"), "ManagedPolicyArns", []any{ref("Federation"), "arn:aws:iam::aws:policy/AdministratorAccess"}), "signout: the role"},
		{"tokens for anybody", remove(in("Federation", "Properties", "PolicyDocument"), "Statement"), "Federation"},
		{"no schedule", remove(in("Forward", "Properties"), "Events"), "forward: the trigger"},
		{"watch without a schedule", remove(in("Watch", "Properties"), "Events"), "watch: the trigger"},
		{"no examination", remove(in("Wipe", "Properties", "Events"), "EverySixHours"), "wipe: the examination"},
		{"no webhook", remove(in("Intake", "Properties", "Events"), "Webhook"), "intake: the trigger"},
		{"no alarm on errors", remove(resources, "BlockErrors"), "block has no alarm on Errors"},
		{"no alarm on age", remove(resources, "BlockAge"), "block has no alarm on OldestMessageAge"},
		{"no alarm on dead letters", remove(resources, "LicenceDeadLetters"), "licence has no alarm on DeadLetters"},
		{"no alarm on missing success", remove(resources, "WatchSilent"), "watch has no alarm on Success"},
		{"missing success does not matter", set(in("DeleteSilent", "Properties"), "TreatMissingData", "notBreaching"), "delete: the alarm on Success"},
		{"an alarm about another function", set(in("WipeAge", "Properties"), "Dimensions", []any{object{"Name": "Subscription", "Value": "block"}}), "wipe has no alarm on OldestMessageAge"},
		{"an alarm that tells nobody", remove(in("PlanErrors", "Properties"), "AlarmActions"), "PlanErrors tells nobody"},
		{"an alarm without a playbook", set(in("PlanErrors", "Properties"), "AlarmDescription", "See infra/playbooks/panic.md"), "PlanErrors names no playbook"},
		{"no app registration", remove(variables("Signout"), "LEAVER_CLIENT_ID"), "LEAVER_CLIENT_ID is not set"},
		{"no ledger", remove(variables("Signout"), "LEAVER_TABLES"), "LEAVER_TABLES is not set"},
		{"no bus", func(tp template) { delete(at(tp.globals, "Environment", "Variables"), "LEAVER_SERVICEBUS") }, "LEAVER_SERVICEBUS is not set"},
		{"no policy", remove(variables("Plan"), "LEAVER_POLICY"), "plan: has LEAVER_POLICY: false"},
		{"no webhook secret", remove(variables("Intake"), "LEAVER_WEBHOOK_SECRETS"), "LEAVER_WEBHOOK_SECRETS is not set"},
		{"a secret in a variable", set(variables("Intake"), "LEAVER_WEBHOOK_SECRETS", "whsec_x"), "is not an ARN"},
		{"a secret for all", func(tp template) { at(tp.globals, "Environment", "Variables")["LEAVER_CLIENT_SECRET"] = "hunter2" }, "LEAVER_CLIENT_SECRET is not empty"},
		{"a variable that nobody reads", set(variables("Wipe"), "LEAVER_COLOUR", "red"), "nobody reads LEAVER_COLOUR"},
		{"intake on the ledger", set(variables("Intake"), "LEAVER_TABLES", ref("Tables")), "nobody reads LEAVER_TABLES"},
		{"a parameter that is not there", func(tp template) { delete(tp.parameters, "WipeClientId") }, "there is no WipeClientId"},
		{"a log without end", remove(in("WipeLog", "Properties"), "RetentionInDays"), "WipeLog keeps its lines for ever"},
		{"a log under no key", remove(in("WipeLog", "Properties"), "KmsKeyId"), "WipeLog is under no key"},
		{"no access log", remove(in("Webhooks", "Properties"), "AccessLogSettings"), "who called the webhooks"},
		{"a secret in the access log", set(in("Webhooks", "Properties", "AccessLogSettings"), "Format", "$context.path"), "the access log has $context.path"},
		{"a door that noise shuts", set(in("Webhooks", "Properties", "DefaultRouteSettings"), "ThrottlingRateLimit", 20), "noise keeps signed webhooks out"},
		{"alarms under no key", remove(in("Alarms", "Properties"), "KmsMasterKeyId"), "the topic of the alarms"},
		{"a key that is not rotated", remove(in("Key", "Properties"), "EnableKeyRotation"), "not rotated"},
		{"unsigned code is deployed", set(in("Signing", "Properties", "CodeSigningPolicies"), "UntrustedArtifactOnDeployment", "Warn"), "code that nobody signed"},
		{"code signing of no function", func(tp template) { delete(tp.globals, "CodeSigningConfigArn") }, "CodeSigningConfigArn"},
		{"changes that nobody hears of", remove(in("FunctionsChanged", "Properties"), "Targets"), "a function that was changed"},
		{"late wakes", func(tp template) { delete(tp.globals, "EventInvokeConfig") }, "MaximumEventAgeInSeconds"},
		{"concurrency that small accounts refuse", func(tp template) { tp.globals["ReservedConcurrentExecutions"] = 10 }, "ReservedConcurrentExecutions"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tp := read(t)
			tt.spoil(tp)
			if faults := tp.faults(onDisk); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("nobody says %q; the faults are %q", tt.want, faults)
			}
		})
	}
	t.Run("no sample event", func(t *testing.T) {
		faults := read(t).faults(func(path string) bool { return path != "events/wipe.json" && onDisk(path) })
		if !slices.Equal(faults, []string{"wipe has no sample events/wipe.json"}) {
			t.Errorf("the faults are %q", faults)
		}
	})
	t.Run("another order than the README's", func(t *testing.T) {
		tp := read(t)
		slices.Reverse(tp.order)
		if len(tp.faults(onDisk)) != 1 {
			t.Error("nobody noticed")
		}
	})
}
