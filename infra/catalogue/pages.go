package main

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// pageSections are the tables of the pages, and the picture on the first one.
func pageSections(project fs.FS) ([]section, error) {
	rules, err := ruleTable(project)
	if err != nil {
		return nil, err
	}
	vendors, err := systems(project)
	if err != nil {
		return nil, err
	}
	reach, err := reachTable()
	if err != nil {
		return nil, err
	}
	return []section{
		{"README.md", "systems", vendors},
		{"README.md", "picture", picture()},
		{"functions/README.md", "functions", functionTable()},
		{"functions/README.md", "rules", rules},
		{"functions/PAIRS.md", "steps", stepTable()},
		{"SECURITY.md", "worst", worstTable()},
		{"SECURITY.md", "reach", reach},
		{"SECURITY.md", "rights", rightsTable()},
		{"infra/README.md", "costs", costTable()},
	}, nil
}

// delays say in words what a gate's own message waits for. Source: offboarding.Compile.
var delays = map[offboarding.StepName]struct{ trigger, picture string }{
	offboarding.StepLicence: {"the grace", "grace"},
	offboarding.StepDelete:  {"the grace and `deleteAfter`", "grace + …"},
}

func picture() string {
	var steps []string
	for _, s := range offboarding.Steps {
		if !s.Gate {
			steps = append(steps, string(s.Name))
		}
	}
	var b strings.Builder
	b.WriteString("```\n")
	fmt.Fprintf(&b, "HR system ──webhook──▶ %s ──request──▶ %s ──termination (now, or at the leaving time)──▶ %s\n",
		offboarding.FunctionIntake, offboarding.FunctionPlan, strings.Join(steps, " "))
	branch := "├"
	for i, s := range gates() {
		if i == len(gates())-1 {
			branch = "└"
		}
		fmt.Fprintf(&b, "%45s%s── %-8s %-37s▶ gate\n", "", branch, s.Name, "(delayed: leaving time + "+delays[s.Name].picture+")")
	}
	fmt.Fprintf(&b, " %s (every minute) ── republishes what is overdue, resumes what was half planned, reports ages\n```\n", offboarding.FunctionWatch)
	return b.String()
}

func gates() []offboarding.Spec {
	return slices.DeleteFunc(slices.Clone(offboarding.Steps), func(s offboarding.Spec) bool { return !s.Gate })
}

// table is one in Markdown.
func table(heads []string, rows [][]string) string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(heads)
	b.WriteString(strings.Repeat("|---", len(heads)) + "|\n")
	for _, row := range rows {
		line(row)
	}
	return b.String()
}

func functionTable() string {
	var rows [][]string
	for _, f := range offboarding.Functions() {
		permissions := strings.Join(f.Permissions, ", ")
		if permissions == "" {
			permissions = "none"
		}
		if f.Exchange {
			permissions += "; " + offboarding.ManageAsApp
		}
		rows = append(rows, []string{f.Name, trigger(f.Name), permissions, f.Done})
	}
	return table([]string{"function", "trigger", "permissions", "done when"}, rows)
}

// trigger says in words what a function runs on.
func trigger(function string) string {
	if s, is := offboarding.SpecOf(offboarding.StepName(function)); is {
		if s.Gate {
			return fmt.Sprintf("`%s`, delayed by %s", s.Name, delays[s.Name].trigger)
		}
		if s.Inside {
			return fmt.Sprintf("`%s`, in a host inside the network", s.Name)
		}
		return fmt.Sprintf("`%s`, `%s`", bus.SubjectTermination, s.Name)
	}
	for _, s := range bus.Subscriptions() {
		if s.Name == function {
			return fmt.Sprintf("queue `%s`", s.Entity)
		}
	}
	switch function {
	case offboarding.FunctionIntake:
		return "`POST /webhooks/SOURCE`"
	case offboarding.FunctionWatch, offboarding.FunctionNotify:
		return "every minute"
	case offboarding.FunctionBackup:
		return "every hour"
	case offboarding.FunctionConsole:
		return "`GET /console/`"
	}
	return "`leaver " + function + "`"
}

func stepTable() string {
	var rows [][]string
	for _, s := range offboarding.Steps {
		rows = append(rows, []string{string(s.Name), s.Takes, s.Relies})
	}
	return table([]string{"step", "takes away", "relies on"}, rows)
}

func worstTable() string {
	var rows [][]string
	for _, f := range offboarding.Functions() {
		rows = append(rows, []string{f.Name, f.AtWorst})
	}
	return table([]string{"function", "at worst"}, rows)
}

// ruleTable says of each rule in which folders a test is named after it. A rule without one is an
// error: nothing would notice that it is not enforced any more.
func ruleTable(project fs.FS) (string, error) {
	all, err := tests(project)
	if err != nil {
		return "", err
	}
	named, number := regexp.MustCompile(`^Test((?:B\d+)+)`), regexp.MustCompile(`B\d+`)
	var rows [][]string
	for _, rule := range offboarding.Rules() {
		var in []string
		for folder, names := range all {
			if slices.ContainsFunc(names, func(name string) bool {
				match := named.FindStringSubmatch(name)
				return match != nil && slices.Contains(number.FindAllString(match[1], -1), rule.Name)
			}) {
				in = append(in, "`"+folder+"`")
			}
		}
		if len(in) == 0 {
			return "", fmt.Errorf("no test is named after the rule %s: write one, Test%s…", rule.Name, rule.Name)
		}
		slices.Sort(in)
		rows = append(rows, []string{rule.Name, rule.Text, strings.Join(in, ", ")})
	}
	return table([]string{"rule", "what it says", "its tests are in"}, rows), nil
}

// tests are the names of the tests of the project, by the folder they are in.
func tests(project fs.FS) (map[string][]string, error) {
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	found := map[string][]string{}
	err := fs.WalkDir(project, ".", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(project, name)
		for _, match := range function.FindAllStringSubmatch(string(text), -1) {
			found[path.Dir(name)] = append(found[path.Dir(name)], match[1])
		}
		return err
	})
	return found, err
}
