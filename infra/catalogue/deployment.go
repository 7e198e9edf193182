package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"

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
	Wakes     []string // the functions that it may invoke
	Alarms    []alarm
}

// alarm is one of CloudWatch on a metric, over minutes.
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
	ours := func(metric, by string) alarm {
		return alarm{Namespace: "Leaver", Metric: metric, Statistic: "Maximum", Dimension: &dimension{by, b.Name}, Minutes: 1, Missing: "notBreaching", Operator: over}
	}
	errors := alarm{Name: "Errors", Says: b.Name + " failed", Playbook: "errors", Namespace: "AWS/Lambda", Metric: "Errors", Statistic: "Sum",
		Dimension: &dimension{"FunctionName", "!Ref " + b.ID}, Minutes: 1, Missing: "notBreaching", Operator: over}
	if b.Scheduled { // the next minute tries again
		errors.Says, errors.Minutes, errors.Of = b.Name+" fails again and again", 5, 3
	}
	all := []alarm{errors}
	if hasQueue(b.Name) {
		age, letters := ours("OldestMessageAge", "Subscription"), ours("DeadLetters", "Subscription")
		age.Name, age.Playbook, age.Operator, age.Minutes = "Age", "age", longer, 2
		age.Says, age.Threshold = "The oldest message for "+b.Name+" has waited for five minutes", 300
		if s, _ := offboarding.SpecOf(offboarding.StepName(b.Name)); s.Urgent || b.Name == offboarding.FunctionPlan {
			age.Says, age.Threshold = "The oldest message for "+b.Name+" has waited for two minutes", 120
		}
		letters.Name, letters.Playbook, letters.Says = "DeadLetters", "dead-letters", "A message for "+b.Name+" is parked"
		all = append(all, age, letters)
	}
	if b.Scheduled {
		silent := ours("Success", "Function")
		silent.Name, silent.Playbook, silent.Says = "Silent", "silent", b.Name+" has not succeeded for five minutes, or is not invoked at all"
		silent.Statistic, silent.Minutes, silent.Missing, silent.Operator, silent.Threshold = "Sum", 5, "breaching", fewer, 1
		all = append(all, silent)
	}
	switch b.Name {
	case offboarding.FunctionIntake:
		all = append(all, alarm{Name: "Refuses", Says: "Webhooks could not be kept and were answered 5xx", Playbook: "intake",
			Namespace: "AWS/ApiGateway", Metric: "5xx", Statistic: "Sum", Dimension: &dimension{"ApiId", "!Ref Webhooks"}, Minutes: 1, Missing: "notBreaching", Operator: over})
		unverified := ours("Webhooks", "Outcome")
		unverified.Name, unverified.Says, unverified.Playbook = "Unverified", "A webhook to a known source was not verified", "intake"
		unverified.Statistic, unverified.Dimension.Value = "Sum", "unverified"
		all = append(all, unverified)
	case offboarding.FunctionPlan:
		found := ours("Wrong", "")
		found.Name, found.Says, found.Playbook, found.Dimension = "Doctor", "A function found with its own rights what is not as it should be", "doctor", nil
		all = append(all, found)
	case offboarding.FunctionResolve:
		unread := ours("Readings", "Outcome")
		unread.Name, unread.Says, unread.Playbook = "Unread", "An HR system cannot be read, or shows somebody who leaves no more: its last word stands", "sources"
		unread.Statistic, unread.Dimension.Value = "Sum", "unread"
		all = append(all, unread)
	case offboarding.FunctionNotify:
		channel := ours("ChannelsFailing", "")
		channel.Name, channel.Says, channel.Playbook, channel.Dimension = "Channel", "A channel takes no notices: people are not told", "channel", nil
		all = append(all, channel)
	case offboarding.FunctionWatch:
		all = append(all, alarm{Name: "PastDeadline", Says: "A step still waits although its deadline has passed", Playbook: "past-deadline",
			Namespace: "Leaver", Metric: "WaitsPastDeadline", Statistic: "Maximum", Minutes: 15, Missing: "notBreaching", Operator: over})
		held := ours("Cases", "CaseState")
		held.Name, held.Says, held.Playbook, held.Dimension.Value = "Held", "A departure waits for a person to let it begin", "held", string(offboarding.CaseHeld)
		frozen := ours("Frozen", "")
		frozen.Name, frozen.Says, frozen.Playbook, frozen.Dimension = "Frozen", "The installation is frozen: nothing is written", "frozen", nil
		unproven := ours("Unproven", "")
		unproven.Name, unproven.Says, unproven.Playbook, unproven.Dimension = "Unproven", "A history of the ledger does not verify", "ledger", nil
		all = append(all, held, frozen, unproven)
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
