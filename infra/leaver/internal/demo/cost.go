package demo

import (
	"fmt"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// costly is who leaves in the scenario cost: 30 groups, of which 2 are distribution lists with somebody else on
// them and one gives a licence, 3 devices, of which 2 are in Intune and one is a phone of the mailbox, and a
// OneDrive of 200 items.
const costly = "dana.swope@contoso.com"

func costlyCompany() *simtenant.Seed {
	const licences = "Licences EMS"
	seed := &simtenant.Seed{Groups: []simtenant.SeedGroup{{Name: licences, Licences: []string{simtenant.SKUEMS}}}}
	leaver := simtenant.SeedUser{
		UPN: costly, Name: "Dana Swope", Title: "Team Lead", Department: "Sales", Manager: demoRecipient,
		Licences: []string{simtenant.SKUOfficeE5}, Groups: []string{licences},
		Mailbox: simtenant.SeedMailbox{Items: 5000, Size: 2 << 30},
		Drive:   simtenant.SeedDrive{Files: 199, Size: 1 << 30}, // and a folder
		Devices: []simtenant.SeedDevice{{Name: "CPC-DANA-01"}, {Name: "CPC-DANA-02"}, {Name: "Dana's phone", OS: "iOS"}},
		Intune:  []simtenant.SeedDevice{{Name: "CPC-DANA-01", Owner: "company"}, {Name: "CPC-DANA-02", Owner: "company"}},
		Phones:  []simtenant.SeedDevice{{Name: "Dana's phone", Outlook: true}},
	}
	for i := range 29 {
		g := simtenant.SeedGroup{Name: fmt.Sprintf("Group %02d", i+1)}
		switch {
		case i < 2:
			g.Kind = "distribution"
		case i < 10:
			g.Kind = "unified"
		}
		seed.Groups = append(seed.Groups, g)
		leaver.Groups = append(leaver.Groups, g.Name)
	}
	seed.Users = []simtenant.SeedUser{
		{UPN: demoRecipient, Name: "Alex Wilber", Title: "Marketing Director", Licences: []string{simtenant.SKUOfficeE5}, Groups: []string{"Group 01", "Group 02"}},
		leaver,
	}
	return seed
}

// costlyTenant is small, and its devices call home soon.
func costlyTenant(c *simtenant.Config) {
	c.Seed, c.SyncEvery = costlyCompany(), time.Second
}

var costlyDeparture = departure{
	person: costly,
	title:  "30 groups, 3 devices and 200 OneDrive items: all taken away, the account deleted, every request counted",
	why:    "all devices acknowledged, all 200 items were found in the copy and the forwarding was observed ended before the account was deleted; what two functions need each of them reads by itself, because they share only the ledger",
	want:   map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned},
	check:  filesAreWithTheManager,
}

// cost is what one departure asked of Microsoft 365, and how long that took.
type cost struct {
	Functions []functionCost `json:"functions"`
	// LockedOut is from the webhook until signout and block were read back.
	LockedOut float64 `json:"lockedOutSeconds"`
	// AtWork is how long at least one function was at work.
	AtWork float64 `json:"atWorkSeconds"`
}

// functionCost is the requests of one function: a batch is one, and what it holds is counted beside it.
type functionCost struct {
	Name     string `json:"name"`
	Graph    int    `json:"graph"`
	Batched  int    `json:"graphInBatches"`
	Exchange int    `json:"exchange"`
}

// cost is what was counted of a departure whose webhook was posted then.
func (m *meter) cost(s operator.Status, posted time.Time) *cost {
	locked, _ := s.LockedOut()
	c := &cost{LockedOut: (locked + s.Opened.Sub(posted)).Seconds(), AtWork: m.atWork().Seconds()}
	all := functionCost{Name: "all"}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range offboarding.Functions() {
		t := m.traffic[f.Name]
		if t == nil {
			continue
		}
		c.Functions = append(c.Functions, functionCost{Name: f.Name, Graph: t.graph, Batched: t.items, Exchange: t.exchange})
		all.Graph, all.Batched, all.Exchange = all.Graph+t.graph, all.Batched+t.items, all.Exchange+t.exchange
	}
	c.Functions = append(c.Functions, all)
	return c
}

// report is a line for each function, and the times.
func (c *cost) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-10s  %5s  %14s  %8s\n", "function", "Graph", "in its batches", "Exchange")
	for _, f := range c.Functions {
		fmt.Fprintf(&b, "%-10s  %5d  %14d  %8d\n", f.Name, f.Graph, f.Batched, f.Exchange)
	}
	fmt.Fprintf(&b, "\nlocked out, read back  %.2f s after the webhook\nat work, all together  %.2f s; the rest is the grace, the delay of the deletion, and waiting for devices\n\n", c.LockedOut, c.AtWork)
	return b.String()
}
