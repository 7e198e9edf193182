package simtenant

import (
	"slices"
	"strings"
)

// Act is one thing that an application can do by an operation of Graph.
type Act struct {
	// Operation is one of [Operations].
	Operation string
	// Property is set where it depends on the property who may change it.
	Property string
	// Body asks for the act and no more; empty where it has none.
	Body string

	open func(has func(permissions ...string) bool) bool
}

// OpenTo reports whether application permissions open the act, where nothing else protects whom it is
// done to.
func (a Act) OpenTo(permissions []string) bool {
	return a.open(func(wanted ...string) bool {
		return slices.ContainsFunc(wanted, func(p string) bool { return slices.Contains(permissions, p) })
	})
}

// Acts are everything that the simulated operations let an application do, in the order of their table.
func Acts() []Act {
	var all []Act
	for i := range operations {
		o := &operations[i]
		if o.name() == "PATCH /users/{id}" {
			all = append(all,
				Act{o.name(), "accountEnabled", `{"accountEnabled":false}`, mayEnable},
				Act{o.name(), "passwordProfile", `{"passwordProfile":{"password":"Xy7!longenoughhere"}}`, maySetPassword},
				Act{o.name(), "any other property", `{"city":"Bern"}`, mayPatch},
			)
			continue
		}
		open := func(has func(...string) bool) bool { return has(o.allow...) }
		if o.allow == nil { // the only one whose handler says
			open = func(has func(...string) bool) bool { return has("Mail.Send") }
		}
		names := []string{o.name()}
		if strings.Contains(o.name(), "{collection}") {
			names = nil
			for _, collection := range methodCollections {
				name := strings.Replace(o.name(), "{collection}", collection, 1)
				own := slices.ContainsFunc(operations, func(o operation) bool { return o.name() == name })
				if !own { // else it is a row of its own, with its own permissions
					names = append(names, name)
				}
			}
		}
		for _, name := range names {
			all = append(all, Act{Operation: name, open: open})
		}
	}
	return all
}

// Cmdlets are the simulated cmdlets of Exchange and the parameters that each takes, beside those that all
// take.
func Cmdlets() map[string][]string {
	all := map[string][]string{}
	for name, c := range cmdlets {
		all[name] = slices.Clone(c.parameters)
	}
	return all
}
