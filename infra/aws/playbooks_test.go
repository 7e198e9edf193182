package aws_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// TestEveryPlaybookHasItsAlarm finds pages that no alarm leads to, and pages that do not say
// what every page owes whoever was woken by it.
func TestEveryPlaybookHasItsAlarm(t *testing.T) {
	var linked []string
	for _, r := range read(t).resources {
		if page := playbook.FindString(textAt(r.(object), "Properties", "AlarmDescription")); page != "" {
			linked = append(linked, strings.TrimPrefix(page, "infra/playbooks/"))
		}
	}
	files, err := os.ReadDir("../playbooks")
	if err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile("../playbooks/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name() == "README.md" {
			continue
		}
		if !slices.Contains(linked, file.Name()) {
			t.Errorf("no alarm leads to %s", file.Name())
		}
		if !strings.Contains(string(index), "("+file.Name()+")") {
			t.Errorf("the index of the playbooks leaves out %s", file.Name())
		}
		text, err := os.ReadFile("../playbooks/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{"**Means:**", "**Look at**", "**Type**"} {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s does not say %s", file.Name(), part)
			}
		}
	}
}

// TestTheReadmeCountsRight holds the counts in the costs of infra/README.md against what is deployed.
func TestTheReadmeCountsRight(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	alarms := 0
	for _, r := range read(t).resources {
		if r.(object)["Type"] == "AWS::CloudWatch::Alarm" {
			alarms++
		}
	}
	queues, functions := len(bus.Subscriptions()), len(offboarding.Functions())
	for _, count := range []string{
		fmt.Sprintf("| alarms | %d × 0.10 |", alarms),
		fmt.Sprintf("43,800 minutes × (%d queue functions × 3 s", queues),
		fmt.Sprintf("| %d × 43,800,", queues+1),
		// Three for each subscription, a success for each function, cases in two states, deadlines.
		fmt.Sprintf("| metrics | %d at all times", 3*queues+functions+3),
		fmt.Sprintf("43,800 × (%d × 5 + %d)", queues, 2*queues),
	} {
		if !strings.Contains(string(readme), count) {
			t.Errorf("the costs of infra/README.md should count %q", count)
		}
	}
}
