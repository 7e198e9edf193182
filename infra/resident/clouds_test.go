package resident_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"leaver/infra/resident"
	"leaver/shared/ledger"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/report"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// clouds are Microsoft's, and in each the steps that end as a person's, with what their task says.
var clouds = map[string]map[offboarding.StepName]string{
	"worldwide": {},
	"usgov":     {offboarding.StepAccess: "Teams admin center"},
	"usgovdod":  {offboarding.StepAccess: "Teams admin center"},
	"china":     {offboarding.StepAccess: "Teams admin center", offboarding.StepPrivileges: "this cloud"},
}

// TestAWholeDepartureInEachCloud: the tenant has the operations of its cloud and answers under its hosts,
// and refuses the rest. What the cloud lacks is a named task; everything else is done. The matrix of
// functions/README.md is what came out; UPDATE=1 writes it.
func TestAWholeDepartureInEachCloud(t *testing.T) {
	ended := map[string]map[offboarding.StepName]string{}
	var mu sync.Mutex
	t.Run("clouds", func(t *testing.T) {
		for cloud, tasks := range clouds {
			t.Run(cloud, func(t *testing.T) {
				t.Parallel()
				found := departIn(t, cloud, tasks)
				mu.Lock()
				defer mu.Unlock()
				ended[cloud] = found
			})
		}
	})
	if t.Failed() {
		return
	}
	const file, begin, end = "../../functions/README.md", "<!-- clouds -->\n", "<!-- clouds:end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), begin)
	_, after, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no place for the matrix", file)
	}
	want := before + begin + matrix(ended) + end + after
	switch {
	case want == string(text):
	case os.Getenv("UPDATE") == "1":
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil { //nolint:gosec // a page for everybody
			t.Fatal(err)
		}
	default:
		t.Errorf("the matrix of %s is not what came out; run UPDATE=1 go test -run %s ./infra/resident, and read it:\n%s", file, t.Name(), matrix(ended))
	}
}

// matrix is what became of every step in every cloud.
func matrix(ended map[string]map[offboarding.StepName]string) string {
	names := []string{"worldwide", "usgov", "usgovdod", "china"}
	var b strings.Builder
	fmt.Fprintf(&b, "| step | %s |\n|---|---|---|---|---|\n", strings.Join(names, " | "))
	for _, spec := range offboarding.Steps {
		row := []string{string(spec.Name)}
		for _, cloud := range names {
			if is := ended[cloud][spec.Name]; is != "" {
				row = append(row, is)
			} else {
				row = append(row, "not planned")
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	return b.String()
}

// departIn lets somebody leave who has everything that a cloud may lack, and says how each step ended.
func departIn(t *testing.T, cloud string, tasks map[offboarding.StepName]string) map[offboarding.StepName]string {
	const person = "emily.braun@contoso.com"
	policy := offboarding.DefaultPolicy()
	policy.KeepMail, policy.Mailbox, policy.Grace = offboarding.KeepExport, offboarding.None, 0
	l := &line{Harness: steptest.NewIn(t, cloud), workers: map[offboarding.StepName]*worker.Worker{}}
	l.Tenant.Edit(func(w *simtenant.World) {
		w.Mailboxes[simtenant.UserID(person)].Contents = simtenant.SampleContents(150, 9, 100)
	})
	met, tokens := hostsOf(l.Harness)
	for name, step := range resident.Steps(l.Graph, l.Exchange, l.Ledger, objectstore.New(t.TempDir(), nil), policy) {
		l.workers[name] = l.Worker(name, step)
	}
	l.c = l.Open(t, person, offboarding.Options{}, policy)
	defer func() { judgeHosts(t, cloud, met(), tokens()) }()
	said := map[offboarding.StepName]string{}
	for range 500 {
		ended := l.round(t, func(name offboarding.StepName) {
			if _, err := l.Deliver(t.Context(), l.workers[name], l.Message(t, l.c.ID, name)); err != nil {
				t.Fatal(err)
			}
		})
		c, err := l.Ledger.Case(t.Context(), l.c.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range c.Steps {
			if step.State != offboarding.StateManual || said[step.Name] != "" {
				continue
			}
			said[step.Name] = step.Reason // and a person does it
			if _, err := l.Ledger.SignOff(t.Context(), ledger.SignOff{Case: c.ID, Step: step.Name, By: "Miriam Graham", Note: "done by hand"}); err != nil {
				t.Fatal(err)
			}
			ended = false
		}
		if ended {
			judgeTexts(t, l, c, cloud)
			return judge(t, c, tasks, said)
		}
	}
	t.Fatal("the departure did not end")
	return nil
}

// hosts are those of a cloud: Entra's token endpoint, Graph, and Exchange Online.
// Sources: Microsoft Graph, National cloud deployments; see shared/identity for Exchange.
var hosts = map[string][3]string{
	"worldwide": {"login.microsoftonline.com", "graph.microsoft.com", "outlook.office365.com"},
	"usgov":     {"login.microsoftonline.us", "graph.microsoft.us", "outlook.office365.us"},
	"usgovdod":  {"login.microsoftonline.us", "dod-graph.microsoft.us", "outlook-dod.office365.us"},
	"china":     {"login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn", "partner.outlook.cn"},
}

// hostsOf listens to which hosts the functions ask, and for which scopes they ask for tokens, from where.
func hostsOf(h *steptest.Harness) (met, tokens func() []string) {
	var mu sync.Mutex
	asked, scopes := map[string]bool{}, map[string]bool{}
	h.OnEvery = func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.URL.Hostname()] = true
		if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			return
		}
		if body, err := io.ReadAll(r.Body); err == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
			if form, err := url.ParseQuery(string(body)); err == nil {
				scopes[r.URL.Hostname()+" "+strings.Fields(form.Get("scope") + " none")[0]] = true
			}
		}
	}
	sorted := func(of map[string]bool) func() []string {
		return func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Sorted(maps.Keys(of))
		}
	}
	return sorted(asked), sorted(scopes)
}

// judgeHosts wants the hosts of the cloud and no others, and tokens from its own login for its own services.
func judgeHosts(t *testing.T, cloud string, met, tokens []string) {
	t.Helper()
	its := hosts[cloud]
	if want := slices.Sorted(slices.Values(its[:])); !slices.Equal(met, want) {
		t.Errorf("got requests to %v, want %v", met, want)
	}
	var want []string
	for _, host := range its[1:] {
		want = append(want, its[0]+" https://"+host+"/.default")
	}
	if slices.Sort(want); !slices.Equal(tokens, want) {
		t.Errorf("got tokens asked for as %v, want %v", tokens, want)
	}
}

// domains are those of each cloud's hosts and portals. Microsoft's documentation is in one place for all.
var domains = map[string][]string{
	"worldwide": {"microsoft.com", "microsoftonline.com", "office.com", "office365.com", "azure.com", "windows.net", "sharepoint.com", "cloud.microsoft"},
	"usgov":     {"microsoft.us", "microsoftonline.us", "office365.us", "azure.us", "usgovcloudapi.net", "sharepoint.us", "sharepoint-mil.us", "apps.mil"},
	"china":     {"chinacloudapi.cn", "microsoftonline.cn", "office365.cn", "partner.outlook.cn", "azure.cn", "sharepoint.cn"},
}

// judgeTexts wants no host of another cloud in anything that people are told of the departure: the history, which
// notices and tasks are made of, what status and the console show, and the report.
func judgeTexts(t *testing.T, l *line, c *offboarding.Case, cloud string) {
	t.Helper()
	evidence, err := l.Ledger.Evidence(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	status, err := json.Marshal(operator.StatusOf(c, evidence.Values(), l.Now()))
	if err != nil {
		t.Fatal(err)
	}
	told, err := report.Of(evidence, l.Now())
	if err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.WriteHTML(&page, told); err != nil {
		t.Fatal(err)
	}
	history, err := json.Marshal(evidence.History)
	if err != nil {
		t.Fatal(err)
	}
	cloud = strings.TrimSuffix(cloud, "dod")
	for name, text := range map[string]string{"the history": string(history), "the status": string(status), "the report": page.String()} {
		for other, its := range domains {
			for _, domain := range its {
				for rest := strings.ReplaceAll(text, "learn.microsoft.com", ""); other != cloud; {
					at := strings.Index(rest, domain)
					if at < 0 {
						break
					}
					t.Errorf("%s names a host of %s: …%s", name, other, rest[max(0, at-80):min(len(rest), at+40)])
					rest = rest[at+len(domain):]
				}
			}
		}
	}
}

// judge holds how the steps ended against what the cloud lacks.
func judge(t *testing.T, c *offboarding.Case, tasks, said map[offboarding.StepName]string) map[offboarding.StepName]string {
	found := map[offboarding.StepName]string{}
	for _, step := range c.Steps {
		found[step.Name] = string(step.State)
		if task, is := tasks[step.Name]; is {
			found[step.Name] = "a task: " + task
			if step.State != offboarding.StateSignedOff || !strings.Contains(said[step.Name], task) {
				t.Errorf("%s is %s, and its task was %q; want one about %q", step.Name, step.State, said[step.Name], task)
			}
			continue
		}
		if risk := step.Evidence[offboarding.ResidualRisk]; strings.Contains(risk, "cloud offers no") {
			found[step.Name] += ", but there is no To Do"
		}
		if step.State != offboarding.StateEffective {
			t.Errorf("%s is %s: %s %s; want effective", step.Name, step.State, step.Reason, said[step.Name])
		}
	}
	if missing := slices.DeleteFunc(slices.Sorted(maps.Keys(tasks)), func(n offboarding.StepName) bool { return found[n] != "" }); len(missing) > 0 {
		t.Errorf("the steps %v are not in the departure", missing)
	}
	return found
}
