// Command leaver is the operator's command: it shows whole departures on a simulated tenant,
// serves that tenant, runs every function in one process, and asks the running host about
// cases. Exit codes: 0 done, 1 something is not as wanted, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/service"
	"leaver/infra/leaver/internal/terminal"
)

type commands struct {
	Demo     demoCommand       `cmd:"" help:"Carry whole departures through a simulated tenant and report what was observed."`
	Tenant   tenantCommand     `cmd:"" help:"Serve a simulated Microsoft 365 tenant."`
	Up       upCommand         `cmd:"" help:"Run every function in this process, with the webhook intake."`
	Attach   attachCommand     `cmd:"" help:"Answer the other commands about departures that functions elsewhere carry."`
	Offboard offboardCommand   `cmd:"" help:"Ask the running host to offboard somebody."`
	Plan     planCommand       `cmd:"" help:"Show what offboarding somebody would do; writes nothing."`
	Status   statusCommand     `cmd:"" help:"Show cases and parked requests of the running host."`
	Report   reportCommand     `cmd:"" help:"Write what became of a departure, for HR, auditors and lawyers."`
	Cancel   cancelCommand     `cmd:"" help:"Stop a departure: no step makes another write."`
	Undo     undoCommand       `cmd:"" help:"Take a departure back: what its steps did, in the functions that did it."`
	Replay   replayCommand     `cmd:"" help:"List what was parked, and send it back to work."`
	Release  releaseCommand    `cmd:"" help:"Let departures begin that limits hold."`
	Approve  approveCommand    `cmd:"" help:"Approve what waits for another person's word, or take that back."`
	Allow    allowCommand      `cmd:"" help:"Allow more departures than the limits, for a time."`
	Limits   limitsCommand     `cmd:"" help:"Show the limits, and whether the installation is frozen."`
	Freeze   freezeCommand     `cmd:"" help:"Stop every write to Microsoft 365 within a second."`
	Thaw     thawCommand       `cmd:"" help:"Let the installation write again."`
	SignOff  signOffCommand    `cmd:"" help:"Accept a manual, withheld or parked step by name, so that its case can be complete."`
	Verify   verifyCommand     `cmd:"" help:"Say whether the ledger is whole and proven, or a file of it."`
	Ledger   ledgerCommand     `cmd:"" help:"Export, import or adopt the ledger."`
	Sources  sourcesCommand    `cmd:"" help:"Check the declared sources of requests, or enrol at one that hands its secret out."`
	HR       hrCommand         `cmd:"" name:"hr" help:"Serve simulated HR systems."`
	Doctor   doctorCommand     `cmd:"" help:"Say what would fail before the first departure does, and how to mend it."`
	Export   exportCommand     `cmd:"" help:"Check exports of mailboxes."`
	Explain  helpCommand       `cmd:"" name:"help" help:"Show a playbook: what an alarm means, and what to type."`
	Script   completionCommand `cmd:"" name:"completion" help:"Print what makes a shell complete commands and flags."`
	Complete completeCommand   `cmd:"" hidden:"" help:"Say what may follow some words: for the scripts of completion."`
	Version  versionCommand    `cmd:"" help:"Say which build this is."`
}

// console is what a command gets from outside.
type console struct {
	context.Context
	stdout, stderr io.Writer
	environ        []string // as os.Environ
}

func (on console) getenv(name string) string {
	for _, variable := range on.environ {
		if value, is := strings.CutPrefix(variable, name+"="); is {
			return value
		}
	}
	return ""
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(service.Run(ctx, func(ctx context.Context, stdout, stderr io.Writer) int {
		return run(console{Context: ctx, stdout: stdout, stderr: stderr, environ: os.Environ()}, os.Args[1:])
	}))
}

// run parses and runs one command and returns the exit code.
func run(on console, args []string) int {
	exited := -1
	var c commands
	parser, err := kong.New(&c,
		kong.Name("leaver"),
		kong.Description("Carries an employee's departure through Microsoft 365."),
		kong.Writers(on.stdout, on.stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Vars{"who": "Case, request, object id, userPrincipalName, mail:ADDRESS or employeeId:NUMBER", "data": defaultData(on.getenv), "user": machineUser(on.getenv), "scenarios": strings.Join(demo.Names(), ",")},
	)
	if err != nil {
		_, _ = fmt.Fprintln(on.stderr, "leaver:", err)
		return 1
	}
	selected, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintf(on.stderr, "leaver: %s\nsee: %s --help\n", err, misused(err))
		return 2
	}
	selected.Bind(on, parser.Model)
	if err := selected.Run(); err != nil {
		for line := range strings.Lines(err.Error()) { // which may hold a stranger's words
			_, _ = fmt.Fprintln(on.stderr, "leaver:", terminal.Printable(strings.TrimSuffix(line, "\n"), len(line)))
		}
		return 1
	}
	return 0
}

// misused is the command that was used wrongly, as far as it is known.
func misused(wrong error) string {
	var usage *kong.ParseError
	if errors.As(wrong, &usage) {
		if selected := usage.Context.Selected(); selected != nil {
			return selected.FullPath()
		}
	}
	return "leaver"
}

// defaultData is the user's state directory for Leaver.
func defaultData(getenv func(string) string) string {
	state := getenv("XDG_STATE_HOME")
	if state == "" {
		state = filepath.Join(getenv("HOME"), ".local", "state")
	}
	return filepath.Join(state, "leaver")
}
