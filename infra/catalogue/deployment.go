package main

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"

	"leaver/functions/backup"
	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// deploymentSections are the parts of the deployment that are about functions and subscriptions.
func deploymentSections(fs.FS) ([]section, error) {
	blocks, err := functionBlocks(blocks())
	if err != nil {
		return nil, err
	}
	return []section{
		{"template.yaml", "applications", applications()},
		{"template.yaml", "functions", blocks},
		{"infra/azure/functions.tf", "functions", terraform()},
		{"infra/container/azure/keda.yaml", "triggers", triggers()},
	}, nil
}

//go:embed function.yaml.tmpl
var functionTemplate string

// block is what the template says of one function.
type block struct {
	offboarding.Function
	ID        string   // in the template
	Timeout   int      // seconds; 0 is the template's own
	Webhooks  bool     // it takes webhooks, and has their secrets
	Scheduled bool     // it runs every minute, whatever happens
	Hourly    bool     // or every hour
	Wakes     []string // the functions that it may invoke
	Alarms    []alarm
}

// alarm is one of CloudWatch on a metric, over minutes; what it leaves out is as most of them have it.
type alarm struct {
	Name, Says, Playbook         string
	Namespace, Metric, Statistic string
	Dimension                    *dimension
	Minutes, Of                  int // Of: how many of the minutes must be over the threshold; 0 is all
	Missing, Operator            string
	Threshold                    int
}

type dimension struct{ Name, Value string }

// id is a function's name as a logical id of the template.
func id(function string) string { return strings.ToUpper(function[:1]) + function[1:] }

func hasQueue(function string) bool {
	return slices.ContainsFunc(bus.Subscriptions(), func(s bus.Subscription) bool { return s.Name == function })
}

func newBlock(f offboarding.Function) block {
	b := block{Function: f, ID: id(f.Name), Wakes: bus.Wakes(f.Name), Scheduled: hasQueue(f.Name)}
	switch f.Name {
	case offboarding.FunctionIntake:
		b.Webhooks, b.Timeout = true, 15
	case offboarding.FunctionConsole:
		b.Timeout = 29 // an HTTP API waits no longer than 30 s
	case offboarding.FunctionWatch, offboarding.FunctionNotify:
		b.Scheduled, b.Timeout = true, 55 // it is over when the next one begins
	case offboarding.FunctionBackup:
		b.Hourly, b.Timeout = true, 900 // as long as Lambda lets it: a ledger grows
	}
	b.Alarms = alarms(b)
	return b
}

const (
	over   = "GreaterThanThreshold"
	longer = "GreaterThanOrEqualToThreshold"
	fewer  = "LessThanThreshold"
)

// alarms are those of a function. Each has a page in infra/playbooks.
func alarms(b block) []alarm {
	errors := alarm{Name: "Errors", Playbook: "errors", Says: b.Name + " failed", Namespace: "AWS/Lambda", Metric: "Errors", Statistic: "Sum", Dimension: &dimension{"FunctionName", "!Ref " + b.ID}}
	if b.Scheduled { // the next minute tries again
		errors.Says, errors.Minutes, errors.Of = b.Name+" fails again and again", 5, 3
	}
	if b.Hourly { // so does the next hour
		errors.Says, errors.Minutes, errors.Of = b.Name+" fails again and again", 180, 3
	}
	all := []alarm{errors}
	if hasQueue(b.Name) {
		minutes, seconds := "five", 300
		if s, _ := offboarding.SpecOf(offboarding.StepName(b.Name)); s.Urgent || b.Name == offboarding.FunctionPlan {
			minutes, seconds = "two", 120
		}
		of := &dimension{"Subscription", b.Name}
		all = append(all,
			alarm{Name: "Age", Playbook: "age", Says: "The oldest message for " + b.Name + " has waited for " + minutes + " minutes", Metric: "OldestMessageAge", Dimension: of, Minutes: 2, Operator: longer, Threshold: seconds},
			alarm{Name: "DeadLetters", Playbook: "dead-letters", Says: "A message for " + b.Name + " is parked", Metric: "DeadLetters", Dimension: of})
	}
	if b.Scheduled {
		all = append(all, alarm{Name: "Silent", Playbook: "silent", Says: b.Name + " has not succeeded for five minutes, or is not invoked at all",
			Metric: "Success", Statistic: "Sum", Dimension: &dimension{"Function", b.Name}, Minutes: 5, Missing: "breaching", Operator: fewer, Threshold: 1})
	}
	switch b.Name {
	case offboarding.FunctionIntake:
		all = append(all,
			alarm{Name: "Refuses", Playbook: "intake", Says: "Webhooks could not be kept and were answered 5xx", Namespace: "AWS/ApiGateway", Metric: "5xx", Statistic: "Sum", Dimension: &dimension{"ApiId", "!Ref Webhooks"}},
			alarm{Name: "Unverified", Playbook: "intake", Says: "A webhook to a known source was not verified", Metric: "Webhooks", Statistic: "Sum", Dimension: &dimension{"Outcome", "unverified"}})
	case offboarding.FunctionPlan:
		all = append(all, alarm{Name: "Doctor", Playbook: "doctor", Says: "A function found with its own rights what is not as it should be", Metric: "Wrong"})
	case offboarding.FunctionResolve:
		all = append(all, alarm{Name: "Unread", Playbook: "sources", Says: "An HR system cannot be read, or shows somebody who leaves no more: its last word stands", Metric: "Readings", Statistic: "Sum", Dimension: &dimension{"Outcome", "unread"}})
	case offboarding.FunctionBackup:
		all = append(all, alarm{Name: "Old", Playbook: "backup", Says: "The last good backup of the ledger is a day and a half old, or none was looked for in three hours",
			Metric: "BackupAge", Minutes: 180, Missing: "breaching", Threshold: int(backup.TooOld.Seconds())})
	case offboarding.FunctionNotify:
		all = append(all, alarm{Name: "Channel", Playbook: "channel", Says: "A channel takes no notices: people are not told", Metric: "ChannelsFailing"})
	case offboarding.FunctionWatch:
		all = append(all,
			alarm{Name: "PastDeadline", Playbook: "past-deadline", Says: "A step still waits although its deadline has passed", Metric: "WaitsPastDeadline", Minutes: 15},
			alarm{Name: "Held", Playbook: "held", Says: "A departure waits for a person to let it begin", Metric: "Cases", Dimension: &dimension{"CaseState", string(offboarding.CaseHeld)}},
			alarm{Name: "Frozen", Playbook: "frozen", Says: "The installation is frozen: nothing is written", Metric: "Frozen"},
			alarm{Name: "Unproven", Playbook: "ledger", Says: "A history of the ledger does not verify", Metric: "Unproven"})
	}
	for i := range all {
		a := &all[i]
		a.Namespace, a.Statistic = cmp.Or(a.Namespace, "Leaver"), cmp.Or(a.Statistic, "Maximum")
		a.Minutes, a.Missing, a.Operator = cmp.Or(a.Minutes, 1), cmp.Or(a.Missing, "notBreaching"), cmp.Or(a.Operator, over)
	}
	return all
}

// blocks are all functions as the template has them.
func blocks() []block {
	var all []block
	for _, f := range offboarding.InCloud() {
		all = append(all, newBlock(f))
	}
	return all
}

func functionBlocks(of []block) (string, error) {
	t, err := template.New("function").Funcs(template.FuncMap{"id": id}).Parse(functionTemplate)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, b := range of {
		var text strings.Builder
		if err := t.Execute(&text, b); err != nil {
			return "", err
		}
		parts = append(parts, text.String())
	}
	return strings.Join(parts, "\n"), nil
}

// applications are the template's parameters with the ids of the app registrations.
func applications() string {
	var b strings.Builder
	for _, f := range offboarding.InCloud() {
		fmt.Fprintf(&b, "  %sClientId:\n    Type: String\n    AllowedPattern: \"[0-9a-fA-F-]{36}\"\n", id(f.Name))
	}
	return b.String()
}

// list is a list of texts as Terraform and JSON write it.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		q, _ := json.Marshal(text) // of a string: no error
		quoted[i] = string(q)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// entity is where the messages for a subscription wait, as Azure names it.
func entity(s bus.Subscription) string {
	if s.Subjects == nil {
		return s.Entity
	}
	return s.Entity + "/" + s.Name
}

// terraform are the functions, queues and subscriptions as locals of infra/azure.
func terraform() string {
	var b strings.Builder
	b.WriteString("  functions = {\n")
	for _, f := range offboarding.Functions() {
		rights := bus.RightsOf(f.Name)
		var listen []string
		for _, s := range bus.Subscriptions() {
			if slices.Contains(rights.Listen, s.Name) {
				listen = append(listen, entity(s))
			}
		}
		fmt.Fprintf(&b, "    %s = {\n      permissions = %s\n      exchange    = %t\n      cmdlets     = %s\n      ledger      = %t\n      inside      = %t\n      send        = %s\n      listen      = %s\n    }\n",
			f.Name, list(f.Permissions), f.Exchange, list(f.Cmdlets), f.Ledger, f.Inside, list(rights.Send), list(listen))
	}
	b.WriteString("  }\n\n")
	var queues []string
	width := 0
	for _, s := range bus.Subscriptions() {
		if s.Subjects == nil {
			queues = append(queues, s.Entity)
			continue
		}
		width = max(width, len(s.Name))
	}
	fmt.Fprintf(&b, "  queues = toset(%s)\n\n  # The labels are the subjects that a subscription takes.\n  subscriptions = {\n", list(queues))
	for _, s := range bus.Subscriptions() {
		if s.Subjects != nil {
			fmt.Fprintf(&b, "    %-*s = { topic = %q, labels = %s }\n", width, s.Name, s.Entity, list(s.Subjects))
		}
	}
	b.WriteString("  }\n")
	return b.String()
}

// triggers are what KEDA scales the container on.
func triggers() string {
	var b strings.Builder
	for _, s := range bus.Subscriptions() {
		where := "queueName: " + s.Entity
		if s.Subjects != nil {
			where = fmt.Sprintf("topicName: %s, subscriptionName: %s", s.Entity, s.Name)
		}
		fmt.Fprintf(&b, "    - { type: azure-servicebus, metadata: { namespace: contoso-leaver, %s, messageCount: \"8\" }, authenticationRef: { name: leaver } }\n", where)
	}
	return b.String()
}
