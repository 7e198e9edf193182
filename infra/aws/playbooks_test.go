package aws_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryPlaybookHasItsAlarm finds pages that no alarm leads to, and pages that do not say
// what every page owes whoever was woken by it.
func TestEveryPlaybookHasItsAlarm(t *testing.T) {
	var linked []string
	for _, r := range read(t).resources {
		text := textAt(r.(object), "Properties", "AlarmDescription") + textAt(r.(object), "Properties", "Description")
		if page := playbook.FindString(text); page != "" {
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
		if file.Name() == "README.md" || filepath.Ext(file.Name()) != ".md" {
			continue
		}
		_, occasions, _ := strings.Cut(string(index), "| occasion |")
		if !slices.Contains(linked, file.Name()) && !strings.Contains(occasions, "("+file.Name()+")") {
			t.Errorf("neither an alarm nor an occasion leads to %s", file.Name())
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

// TestFunctionsThatChangeAreTold: whoever changes the code, the configuration or the role of a function has
// its rights, of privileges those of a Global Administrator.
func TestFunctionsThatChangeAreTold(t *testing.T) {
	rule := at(read(t).resources, "FunctionsChanged", "Properties")
	said := asJSON(rule)
	for _, event := range []string{"UpdateFunctionCode", "UpdateFunctionConfiguration", "UpdateAssumeRolePolicy", "PutRolePolicy", "AttachRolePolicy", "PutFunctionCodeSigningConfig", "DeleteFunctionCodeSigningConfig"} {
		if !strings.Contains(said, event) {
			t.Errorf("nobody is told of %s", event)
		}
	}
	if !same(rule["Targets"], []any{object{"Id": "alarms", "Arn": ref("Alarms")}}) {
		t.Errorf("they are told to %s", asJSON(rule["Targets"]))
	}
}
