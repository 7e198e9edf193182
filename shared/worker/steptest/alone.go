package steptest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// alone refuses each operation that the step asks for, for good and for a while, and then everything about each
// other object that it changes. Whatever else the step changes in the tenant it changes all the same, but for one
// field, the operation's own, or what the subject says; what is not done is not called done; and once nothing is
// refused any more, a replay does it.
func alone(t *testing.T, x *fixture) {
	if x.s.Stops != nil {
		x.refuseEach(t, looked, x.s.Stops)
	}
}

// aloneBack is alone for the way back.
func aloneBack(t *testing.T, x *fixture) {
	if x.s.UndoStops != nil {
		x.refuseEach(t, undoing, x.s.UndoStops)
	}
}

// looked is a fixture of a case at whose leaver signout has looked, without which nobody who is refused for long
// would begin anything.
func looked(t *testing.T, s Subject) *fixture {
	x := newFixture(t, s)
	if s.Name != offboarding.StepSignout && !x.Record(t, x.c.ID, offboarding.StepSignout).State.Closed() {
		_, err := x.Lease(t, x.c.ID, offboarding.StepSignout).Keep(t.Context(), map[string]string{offboarding.AccountEnabled: "true"}, nil)
		must(t, err)
	}
	return x
}

// undoing is a fixture whose step is done and is to be taken back.
func undoing(t *testing.T, s Subject) *fixture {
	x := newFixture(t, s)
	x.Settle(t, x.c.ID, x.worker)
	c, err := x.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: x.c.ID, Step: s.Name, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "a mistake", Source: "operator"})
	must(t, err)
	if s.Undoing != nil {
		s.Undoing(t, x.Harness, c)
	}
	_, err = x.Ledger.MarkPublished(t.Context(), c.ID, c.Plan.Version)
	must(t, err)
	return x
}

// Everything is what stays where the step can do nothing without an operation. AnObject stands for every operation
// about one object, on which nothing else may depend.
const (
	Everything = "everything"
	AnObject   = "an object"
)

func (x *fixture) refuseEach(t *testing.T, prepared func(*testing.T, Subject) *fixture, stops map[string]string) {
	y := prepared(t, x.s)
	before, asked := y.photograph(t), y.Tenant.Requests()
	y.run(t)
	all := changed(before, y.photograph(t))
	if len(all) == 0 {
		t.Fatal("nothing changes, of which a refusal could keep something as it is")
	}
	try := func(name string, fault simtenant.Fault, stay string, changes changes) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prepared(t, x.s).refused(t, changes, fault, stay)
		})
	}
	for operation, times := range y.Tenant.Requests() {
		if times > asked[operation] && operation != "POST /$batch" && !strings.HasSuffix(operation, "/token") && !strings.HasSuffix(operation, "/openid-configuration") {
			try(operation+" is refused", simtenant.Fault{Operation: operation, Status: http.StatusForbidden}, stops[operation], all)
			try(operation+" fails for a while", simtenant.Fault{Operation: operation, Status: http.StatusServiceUnavailable}, stops[operation], all)
		}
	}
	for _, object := range all.objects() {
		if !strings.Contains(object, x.id) {
			try("everything about "+object+" is refused", simtenant.Fault{Operation: "*", Target: object, Status: http.StatusForbidden}, cmp.Or(stops[AnObject], "nothing"), all.besides(object))
		}
	}
}

// refused runs the step while something is refused, and again when it is not any more.
func (x *fixture) refused(t *testing.T, changes changes, fault simtenant.Fault, stays string) {
	x.worker.Retry = worker.Retry{Budget: time.Minute}
	before := x.photograph(t)
	x.Tenant.Edit(func(w *simtenant.World) { w.Faults = append(w.Faults, fault) })
	done := x.run(t)
	if stays != Everything {
		x.Advance(12 * time.Hour) // what devices were told they have carried out
	}
	lacking := changes.without(changed(before, x.photograph(t)))
	fields, allowed := lacking.fields(), strings.Fields(stays)
	beyond := slices.DeleteFunc(slices.Clone(fields), func(field string) bool { return slices.Contains(allowed, field) })
	if stays == "" && len(fields) > 1 || stays != "" && stays != Everything && len(beyond) > 0 {
		t.Errorf("these stay as they are: %s; want no more than %q", strings.Join(fields, " "), cmp.Or(stays, "one"))
	}
	if done && len(lacking) > 0 {
		t.Errorf("it is called done, although these stay as they are: %s", strings.Join(slices.Sorted(maps.Keys(lacking)), ", "))
	}
	x.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
	if !done {
		if x.Record(t, x.c.ID, x.s.Name).State.Settled() {
			_, err := x.Ledger.Replay(t.Context(), x.c.ID, x.s.Name)
			must(t, err)
		}
		if !x.run(t) {
			record := x.Record(t, x.c.ID, x.s.Name)
			t.Errorf("after a replay it is %s: %s", record.State, record.Reason)
		}
	}
	if left := changes.without(changed(before, x.photograph(t))); len(left) > 0 {
		t.Errorf("after a replay these are still as they were: %s", strings.Join(slices.Sorted(maps.Keys(left)), ", "))
	}
}

// run runs the step whenever it is due, until it is settled or has had its time, and reports whether it is done.
func (x *fixture) run(t *testing.T) bool {
	t.Helper()
	for range 200 {
		record := x.Record(t, x.c.ID, x.s.Name)
		if record.State.Settled() {
			return record.State == x.s.ends() || record.State == offboarding.StateUndone
		}
		if wait := record.Due.Sub(x.Now()); wait > 0 {
			x.Advance(wait)
		}
		x.Step(t, x.c.ID, x.worker)
	}
	return false
}

// photograph is what the tenant holds that a departure may change, by where it is:
// "Users/ID/AccountEnabled". Members of a list are each by themselves.
func (x *fixture) photograph(t *testing.T) map[string]string {
	t.Helper()
	is := map[string]string{}
	x.Tenant.Edit(func(w *simtenant.World) {
		for kind, all := range map[string]any{
			"Users": w.Users, "Deleted": w.Deleted, "Groups": w.Groups, "Devices": w.Devices, "Managed": w.Managed, "AppRegistrations": w.AppRegistrations,
			"Phones": w.Phones, "Mailboxes": w.Mailboxes, "Drives": w.Drives, "RoleAssignments": w.RoleAssignments,
		} {
			text, err := json.Marshal(all)
			must(t, err)
			var tree any
			must(t, json.Unmarshal(text, &tree))
			flatten(is, kind, tree)
			if objects, are := tree.(map[string]any); are {
				for id := range objects {
					is[kind+"/"+id] = "there"
				}
			}
		}
	})
	return is
}

// byItself are fields that change without anybody's doing.
var byItself = []string{"LastSync", "LastSignIn", "Contents", "ID"}

func flatten(into map[string]string, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, each := range value {
			if !slices.Contains(byItself, name) {
				flatten(into, path+"/"+name, each)
			}
		}
	case []any:
		for _, each := range value {
			object, _ := each.(map[string]any)
			name := fmt.Sprint(each)
			for _, by := range []string{"ID", "SKU", "User", "Name"} {
				if is, _ := object[by].(string); is != "" {
					name = is
				}
			}
			if object["Role"] != nil { // given back, it is another one of the same
				name = strings.ReplaceAll(fmt.Sprint(object["Principal"], object["Role"], object["Resource"], object["Scope"]), "/", "")
			}
			into[path+"/"+name] = "there"
			flatten(into, path+"/"+name, map[string]any(object))
		}
	default:
		into[path] = fmt.Sprint(value)
	}
}

// changes are those of a tenant, by where they are.
type changes map[string]bool

// changed compares two photographs. Of an object that came or went its fields are no matter.
func changed(before, after map[string]string) changes {
	out := changes{}
	for _, is := range []map[string]string{before, after} {
		for path := range is {
			parts := strings.Split(path, "/")
			object := parts[0] + "/" + parts[1]
			if before[path] != after[path] && (path == object || before[object] == after[object]) {
				out[path] = true
			}
		}
	}
	return out
}

func (c changes) without(others changes) changes {
	out := maps.Clone(c)
	maps.DeleteFunc(out, func(path string, _ bool) bool { return others[path] })
	return out
}

// fields are those that change, of whichever object: "Users.AccountEnabled".
func (c changes) fields() []string {
	found := map[string]bool{}
	for path := range c {
		parts := append(strings.Split(path, "/"), "")
		found[strings.TrimSuffix(parts[0]+"."+parts[2], ".")] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// objects are the ids of those that change.
func (c changes) objects() []string {
	found := map[string]bool{}
	for path := range c {
		found[strings.Split(path, "/")[1]] = true
	}
	return slices.Sorted(maps.Keys(found))
}

// besides are the changes that have nothing to do with an object.
func (c changes) besides(object string) changes {
	out := maps.Clone(c)
	maps.DeleteFunc(out, func(path string, _ bool) bool { return strings.Contains(path, object) })
	return out
}
