package bus

import (
	"slices"

	"leaver/shared/offboarding"
)

// Rights are what a function may do with the broker, and no more.
type Rights struct {
	Send   []string // to these entities: Queue, Topic
	Listen []string // on these Subscriptions, by name; their dead letters and their depth too
}

// RightsOf are the rights of a function, by its name; none for a name that no function has.
func RightsOf(function string) Rights {
	every := AllRights().Listen
	switch function {
	case offboarding.FunctionIntake:
		return Rights{Send: []string{Queue, Hints}}
	case offboarding.FunctionResolve:
		// A hint that has to wait, and the second look, go back to the queue they came from.
		return Rights{Send: []string{Queue, Hints}, Listen: []string{function}}
	case offboarding.FunctionPlan:
		// A request that has to wait goes back to the queue it came from.
		return Rights{Send: []string{Queue, Topic}, Listen: []string{function}}
	case offboarding.FunctionWatch:
		return Rights{Send: []string{Topic}, Listen: every}
	case offboarding.FunctionReplay, offboarding.FunctionConsole:
		return AllRights()
	}
	if _, isStep := offboarding.SpecOf(offboarding.StepName(function)); isStep {
		// A step sends itself the message for its next try.
		return Rights{Send: []string{Topic}, Listen: []string{function}}
	}
	return Rights{}
}

// MaySend reports whether the rights cover sending to an entity.
func (r Rights) MaySend(entity string) bool {
	for _, e := range r.Send {
		if e == entity {
			return true
		}
	}
	return false
}

// AllRights are what a host of all functions needs, and whoever is alone with a broker has.
func AllRights() Rights {
	all := Rights{Send: []string{Queue, Hints, Topic}}
	for _, s := range Subscriptions() {
		all.Listen = append(all.Listen, s.Name)
	}
	return all
}

// Without are those of a list that are not in another.
func Without(all, others []string) []string {
	var left []string
	for _, one := range all {
		if !slices.Contains(others, one) {
			left = append(left, one)
		}
	}
	return left
}

// Wakes are the functions whose messages a function publishes, itself left out: the ones that
// it may invoke where nothing runs in between. A step publishes for itself alone.
func Wakes(function string) []string {
	if _, isStep := offboarding.SpecOf(offboarding.StepName(function)); isStep {
		return nil
	}
	rights := RightsOf(function)
	var functions []string
	for _, s := range Subscriptions() {
		spec, _ := offboarding.SpecOf(offboarding.StepName(s.Name))
		if rights.MaySend(s.Entity) && s.Name != function && !spec.Inside {
			functions = append(functions, s.Name)
		}
	}
	return functions
}
