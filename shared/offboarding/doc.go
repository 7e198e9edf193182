// Package offboarding is the domain of Leaver: who leaves, what was asked, what the policy
// says, the plan compiled from both, the case that carries it out, and the rules that
// protect people's data. It imports nothing but the standard library, makes no call and
// reads no clock; everything else in the project leans on it.
//
// A departure arrives as a [Request], is compiled with the [Policy] into a [Plan] by
// [Compile], and is carried out as a [Case], whose state is the fold of its history of
// [Entry] values. A step answers with an error that the worker reads as a [Verdict].
//
// # The states of a case
//
//	            every message published      every step closed
//	planning ───────────────────────▶ running ────────────────▶ complete
//	   ▲  │                           │  │  ▲                      │
//	   │  │    another plan joins     │  │  └── a step is replayed ┘
//	   └──┼───────────────────────────┘  │
//	      │ a cancellation               │ a cancellation
//	      ▼                              ▼
//	  cancelling ────────────────▶ cancelled
//	            no step holds its lease
//
// While a brake holds a case it is held instead, until people lift that; then it goes on where it was. An
// order to take it back makes any of them undoing, and undone once every step is; a case that goes on is
// cancelled with it. What is stopped on the way is cancelled.
//
// # The states of a step
//
//	               nil
//	planned ──────────────▶ effective       closed
//	  │  ▲  ├─ Withheld ──▶ withheld        closed
//	  │  │  ├─ Manual ────▶ manual ────┐
//	  │  │  └─ Permanent ─▶ parked ────┤    a person signs off ──▶ signed off, closed
//	  │  └──────── a person replays ───┘
//	  ├─ After, ContinueAt ─▶ waiting  ─┐   past its deadline a wait is manual,
//	  └─ any other error ──▶ retrying ──┤   past its budget a retry is parked
//	      ▲                             │
//	      └──────── when it is due ─────┘   a cancellation ends every state above it: cancelled
//
// A step that has not ended is held while a brake holds it. Where the policy only observes, a run ends as
// rehearsed, which is closed; a step that was taken back is undone.
//
// # Glossary
//
// These words mean one thing, in code, texts and READMEs alike.
//
//	leaver        the person who leaves
//	request       what an HR system asks about one person, once
//	hint          a word that an HR system has something to tell: it is asked, and what it answers counts
//	policy        what the organisation wants of every departure
//	plan          request and policy compiled, for one leaver
//	case          one departure: its plan and its history
//	step          one thing done for a leaver, by a function of its own
//	gate          a step that waits for others, and re-reads the world first
//	need          a step that a gate waits for
//	grace         the time from leaving until the licence goes
//	run           one try of a step, under a lease
//	verdict       how a run ended
//	effective     observed as wanted
//	withheld      forbidden by a rule
//	task          what a person must do
//	parked        given up until a person replays it
//	replay        to run a settled step again
//	sign off      to accept a step as it is, by name
//	accept        to leave a thing of a step as it is, by id and by name
//	rule          an invariant that protects data, B1 and on
//	before        the world before the first write (in prose: prior state)
//	progress      what a step remembers between runs
//	evidence      what a step observed
//	sealed        kept beside the history, and erasable
//	ledger        the history of all cases: the truth
//	lease         the right of one run to work
//	write guard   asked before every write
//	brake         what holds a departure or a step until people lift it
//	limit         how many departures may begin in an hour or a day; what exceeds one is held
//	approval      a second person's word, which lifts a brake
//	freeze        no write by anybody, until a person thaws
//	anchor        where every history ended at a time, kept out of reach of whoever writes the ledger
//	adopt         to take a history as it stands that nobody signed, by name
//	undo          the way back: what a step did is taken back by the step's own function
//	undone        taken back, and observed so
//	tombstone     the entry that cancels a case
//	rehearsal     a run that may not write
//	successor     who takes over mail, files and groups
//	synchronised  mastered in an on-premises Active Directory
//	hold          a litigation hold on a mailbox
package offboarding
