package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"leaver/functions/backup"
	"leaver/infra/leaver/internal/terminal"
	"leaver/infra/resident"
	"leaver/shared/ledger"
	"leaver/shared/operator"
	"leaver/shared/report"
)

type verifyCommand struct {
	What []string `arg:"" optional:"" placeholder:"CASE|FILE" help:"Cases or people of the running host, or files of leaver report and leaver ledger export; every case without it."`
	asking
}

// Help implements kong.HelpProvider.
func (*verifyCommand) Help() string {
	return `Whether the history of a departure is whole: every entry continues the one before it, what opens or changes a case, opens a gate or lifts a brake is signed by a key that counts, and nothing is missing that the last anchor saw. Exit 1 where one does not verify.

  leaver verify
  leaver verify adele.vance@contoso.com --json
  LEAVER_LEDGER_KEYS=MFkw… leaver verify report.json

A file is verified on this machine, without any host or network: by the keys of LEAVER_LEDGER_KEYS, or else by that of the data directory. The anchors are the host's: a file is not compared with them.`
}

// Run verifies and shows what is wrong.
func (c *verifyCommand) Run(on console) error {
	var all []ledger.Verification
	var asked []operator.Who
	var unproven []string // of the host's
	for _, what := range c.What {
		if _, err := os.Stat(what); err == nil {
			found, err := c.offline(on, what)
			if err != nil {
				return err
			}
			all = append(all, found...)
			continue
		}
		var who operator.Who
		if err := who.UnmarshalText([]byte(what)); err != nil {
			return err
		}
		asked = append(asked, who)
	}
	if len(asked) > 0 || len(c.What) == 0 {
		host, err := c.dial()
		if err != nil {
			return err
		}
		found, err := host.Verify(on, asked)
		if err != nil {
			return err
		}
		all = append(all, found...)
		for _, v := range found {
			if v.Unproven() {
				unproven = append(unproven, v.Case)
			}
		}
	}
	adopt := "--all"
	if len(asked) < len(c.What) {
		adopt = "" // a file is not adopted
	} else if len(c.What) > 0 {
		adopt = strings.Join(unproven, " ")
	}
	return c.say(on, all, "no departures yet, and nothing to verify", adopt)
}

// say writes what was verified, or that there was nothing, and how what is not proven is adopted as it was
// shown; that one does not verify is an error.
func (c asking) say(on console, all []ledger.Verification, nothing, adopt string) error {
	wrong := 0
	for _, v := range all {
		if !v.OK {
			wrong++
		}
	}
	var err error
	if c.JSON {
		err = terminal.WriteJSON(on.stdout, all)
	} else {
		text := terminal.Verified(all)
		if len(all) == 0 {
			text = nothing + "\n"
		}
		_, err = io.WriteString(on.stdout, text)
		if seen := ledger.Seen(all); err == nil && seen != "" && adopt != "" {
			_, err = fmt.Fprintf(on.stdout, "when you have looked: leaver ledger adopt %s --seen %s\n", adopt, seen)
		}
	}
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d of %d do not verify: leaver help ledger says what to look at", wrong, len(all))
	}
	return err
}

// proof is by which keys a file is verified: those of the environment, or that of the data directory. It is
// fs.ErrNotExist where there is none.
func (c asking) proof(on console) (ledger.Proof, error) {
	proof, err := resident.ProofOf(on, on.environ, "", "", false)
	if err != nil {
		return ledger.Proof{}, err
	}
	if len(proof.Keys) == 0 {
		if err := resident.SignsBy(&proof, filepath.Join(c.Data, resident.KeyName)); err != nil {
			return ledger.Proof{}, fmt.Errorf("by which keys? set LEAVER_LEDGER_KEYS, or name the data directory with --data: %w", err)
		}
	}
	return proof, nil
}

// offline verifies the histories in a file.
func (c asking) offline(on console, file string) ([]ledger.Verification, error) {
	proof, err := c.proof(on)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if r, err := report.Check(f, proof); err == nil {
		if but := unsigned(r); but != "" {
			if _, err := fmt.Fprintf(on.stderr, "%s: every word comes of its entries%s\n", file, but); err != nil {
				return nil, err
			}
		}
		return []ledger.Verification{proof.Verify(r.Evidence.Copy())}, nil
	} else if !errors.Is(err, report.ErrForeign) {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var all []ledger.Verification
	err = histories(file, func(h ledger.Copy) error {
		if ledger.Provable(h.ID) {
			all = append(all, proof.Verify(h))
		}
		return nil
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: it holds no departure, and so proves nothing", file)
	}
	return all, err
}

// maxHistory bounds one history of an export, in bytes. The export itself may be of any size.
const maxHistory = 256 << 20

// histories calls each with the histories of an export, one a line; one that is not what the record beside it
// says is an error, before any.
func histories(file string, each func(ledger.Copy) error) error {
	if err := backup.Whole(file); err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return eachHistory(f, file, maxHistory, each)
}

// eachHistory is histories of what is read from in, none longer than most bytes.
func eachHistory(in io.Reader, file string, most int64, each func(ledger.Copy) error) error {
	limited := &io.LimitedReader{R: in}
	decoder := json.NewDecoder(limited)
	for n := 1; ; n++ {
		var h ledger.Copy
		limited.N = most
		err := decoder.Decode(&h)
		switch {
		case errors.Is(err, io.EOF) && n > 1:
			return nil
		case err != nil:
			return fmt.Errorf("%s: history %d cannot be read: it is neither an export nor a report", file, n)
		case h.ID == "":
			return fmt.Errorf("%s: history %d has no id: it is neither an export nor a report as it was made", file, n)
		}
		if err := each(h); err != nil {
			return err
		}
	}
}

type ledgerCommand struct {
	Export ledgerExportCommand `cmd:"" help:"Write every history of the ledger to a file, with its personal values."`
	Import ledgerImportCommand `cmd:"" help:"Put the histories of a file into the ledger of a host that does not run."`
	Adopt  ledgerAdoptCommand  `cmd:"" help:"Take cases as they stand that are not proven: an older version wrote them, or you have looked."`

	SetAside ledgerSetAsideCommand `cmd:"" help:"Give up cases that cannot be read, so that their leavers can be offboarded again."`
}

type ledgerExportCommand struct {
	File string `arg:"" help:"The file, which must not exist; only you may read it."`
	Data string `default:"${data}" help:"Data directory of the running host."`
}

// Run writes the file.
func (c *ledgerExportCommand) Run(on console) error {
	host, err := asking{Data: c.Data}.dial()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(host.Export(on, f), f.Close())
}

type ledgerImportCommand struct {
	File     string `arg:"" type:"existingfile" help:"A file of leaver ledger export."`
	Data     string `default:"${data}" help:"Data directory of the host, which does not run."`
	Unproven bool   `help:"Import also what does not verify: it stops its own case, and leaver verify names it."`
	signed
}

// Help implements kong.HelpProvider.
func (*ledgerImportCommand) Help() string {
	return `Every history is put where it was, byte for byte, so that it verifies as before; what is there already, or has gone on since, is left alone, and another history in its place is an error. The installation is frozen meanwhile, and stays so until you have looked and type leaver thaw: leaver help backup-restored. The key that signed it goes with it: copy ledger.key before, or add its public half to LEAVER_LEDGER_KEYS. What those do not bear out is refused, and keeps nothing else from its place. With LEAVER_TABLES it goes into the table.`
}

// Run imports.
func (c *ledgerImportCommand) Run(on console) error {
	desk, stop, err := resident.OpenDesk(on, on.environ, c.Data)
	if err != nil {
		return err
	}
	n := 0
	var refused []error
	restore := func(h ledger.Copy) error {
		err := desk.Restore(on, operator.Restoring{History: h, Unproven: c.Unproven, By: c.By})
		switch {
		case errors.Is(err, ledger.ErrUnproven), errors.Is(err, ledger.ErrConflict):
			refused = append(refused, err)
		case err == nil:
			n++
		default:
			return err
		}
		return nil
	}
	// The brakes first, and then a freeze on top of them: nobody acts by half a history.
	err = histories(c.File, func(h ledger.Copy) error {
		if h.ID == operator.HistoryOfBrakes {
			return restore(h)
		}
		return nil
	})
	if err == nil {
		err = desk.RestoresFrozen(on, c.By)
	}
	if err == nil {
		err = histories(c.File, func(h ledger.Copy) error {
			if h.ID == operator.HistoryOfBrakes {
				return nil
			}
			return restore(h)
		})
	}
	_, said := fmt.Fprintf(on.stdout, "%d histories are there, %d were refused; the installation is frozen: look, then leaver thaw\n", n, len(refused))
	if slices.ContainsFunc(refused, func(err error) bool { return errors.Is(err, ledger.ErrUnproven) }) {
		refused = append(refused, fmt.Errorf("the key that signed them goes with them: copy %s of their host into %s, or add its public half to LEAVER_LEDGER_KEYS, and import again; --unproven takes them without", resident.KeyName, c.Data))
	}
	return errors.Join(errors.Join(refused...), err, stop(), said)
}

type ledgerAdoptCommand struct {
	Case []operator.Who `arg:"" optional:"" help:"${who}; several."`
	All  bool           `help:"Every case that is not proven."`
	Seen string         `required:"" placeholder:"SEEN" help:"What leaver verify has shown of the same cases, so that nothing is adopted which came after you had looked."`
	signed
	asking
}

// Help implements kong.HelpProvider.
func (*ledgerAdoptCommand) Help() string {
	return `Versions of Leaver before this one signed nothing: their departures stand still until a person has adopted them. Look first (leaver verify says which entry and what to type, leaver ledger export what it says): whoever could write the ledger could have written them too. What was written after you looked is refused. Your word is signed, and goes into the history.

  leaver ledger adopt c250ee6d-4fe6-5424-a724-20f63aa3849a-1 --seen 5be0cd19137e21795a0b1c2d3e4f5061
  leaver ledger adopt --all --seen 5be0cd19137e21795a0b1c2d3e4f5061 --by "Miriam Graham"`
}

// Validate refuses a question that says nothing, or two things.
func (c *ledgerAdoptCommand) Validate() error {
	if c.All == (len(c.Case) > 0) {
		return errors.New("which? name cases, or use --all")
	}
	return nil
}

// Run adopts and shows how they verify.
func (c *ledgerAdoptCommand) Run(on console) error {
	host, err := c.dial()
	if err != nil {
		return err
	}
	adopted, err := host.Adopt(on, operator.Adoption{Who: c.Case, All: c.All, Seen: c.Seen, By: c.By})
	if err != nil {
		return err
	}
	return c.say(on, adopted, "nothing was adopted: all of it is proven already", "")
}

type ledgerSetAsideCommand struct {
	Case []operator.Who `arg:"" help:"The cases, by their ids."`
	By   string         `default:"${user}" placeholder:"NAME" help:"Who you are."`
	Data string         `default:"${data}" help:"Data directory of the running host."`
}

// Help implements kong.HelpProvider.
func (*ledgerSetAsideCommand) Help() string {
	return `For a case whose history somebody spoiled so that no version of Leaver reads it: it stays where it is, nobody acts by it, and status lists it no more. Do by hand first what was left of the departure; then leaver offboard begins another one. It cannot be taken back.

  leaver ledger set-aside c250ee6d-4fe6-5424-a724-20f63aa3849a-1`
}

// Run sets aside.
func (c *ledgerSetAsideCommand) Run(on console) error {
	host, err := asking{Data: c.Data}.dial()
	if err != nil {
		return err
	}
	if err := host.SetAside(on, operator.Adoption{Who: c.Case, By: c.By}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(on.stdout, "%d set aside\n", len(c.Case))
	return err
}
