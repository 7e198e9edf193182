package loopback

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"leaver/functions/replay"
	"leaver/shared/doctor"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/report"
)

// Client asks a running host. Its errors are the host's words, or that it does not answer.
type Client struct{ entry entry }

// Dial finds the host whose data directory that is.
func Dial(dir string) (*Client, error) {
	path := filepath.Join(dir, entryName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no host runs on %s; start one with leaver up, or name its directory with --data", dir)
	}
	if err != nil {
		return nil, err
	}
	var c Client
	if err := json.Unmarshal(text, &c.entry); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &c, nil
}

// Address is the host's URL, for its metrics.
func (c *Client) Address() string { return c.entry.Address }

// Status returns the cases and parked requests that are meant, oldest first.
func (c *Client) Status(ctx context.Context, who operator.Who) ([]operator.Status, error) {
	return statusOperation.ask(ctx, c, question{Who: who})
}

// Overview returns all cases and parked requests in short, oldest first.
func (c *Client) Overview(ctx context.Context) ([]operator.Status, error) {
	return statusOperation.ask(ctx, c, question{Short: true})
}

// Offboard sends a request and returns its id. What becomes of it, [Client.Status] says.
func (c *Client) Offboard(ctx context.Context, r offboarding.Request) (operator.Sent, error) {
	return requestOperation.ask(ctx, c, r)
}

// Plan says what offboarding somebody would do; nothing is written.
func (c *Client) Plan(ctx context.Context, r offboarding.Request) (operator.Planned, error) {
	return planOperation.ask(ctx, c, r)
}

// Cancel stops departures and returns how they stand.
func (c *Client) Cancel(ctx context.Context, ask operator.Cancellation) ([]operator.Status, error) {
	return cancelOperation.ask(ctx, c, ask)
}

// Replay sends what was parked back to work, or lists it; see [operator.Replay].
func (c *Client) Replay(ctx context.Context, s operator.Replay) ([]replay.Item, error) {
	return replayOperation.ask(ctx, c, s)
}

// SignOff accepts a step by name and returns how the case stands.
func (c *Client) SignOff(ctx context.Context, ask operator.SignOff) (operator.Status, error) {
	return signOffOperation.ask(ctx, c, ask)
}

// Release lets departures go on that limits hold, and returns how they stand.
func (c *Client) Release(ctx context.Context, ask operator.Release) ([]operator.Status, error) {
	return releaseOperation.ask(ctx, c, ask)
}

// Approve gives or takes back a person's word and returns how the case stands.
func (c *Client) Approve(ctx context.Context, ask operator.Approval) (operator.Status, error) {
	return approveOperation.ask(ctx, c, ask)
}

// Allow allows more departures, on top of every limit.
func (c *Client) Allow(ctx context.Context, ask operator.Allowance) (operator.Brakes, error) {
	return allowOperation.ask(ctx, c, ask)
}

// Freeze stops every write of the installation, or lets it write again.
func (c *Client) Freeze(ctx context.Context, ask operator.Freeze) (operator.Brakes, error) {
	return freezeOperation.ask(ctx, c, ask)
}

// Brakes are those of the whole installation.
func (c *Client) Brakes(ctx context.Context) (operator.Brakes, error) {
	return brakesOperation.ask(ctx, c, struct{}{})
}

// Undo orders a departure to be taken back, and returns what comes back and what does not.
func (c *Client) Undo(ctx context.Context, ask operator.Undo) (operator.Undoing, error) {
	return undoOperation.ask(ctx, c, ask)
}

// Report returns what became of a departure, for whoever was not there.
func (c *Client) Report(ctx context.Context, who operator.Who) (report.Report, error) {
	return reportOperation.ask(ctx, c, question{Who: who})
}

// Verify says whether the histories of those departures are whole and proven; nobody is all of them.
func (c *Client) Verify(ctx context.Context, of []operator.Who) ([]ledger.Verification, error) {
	return verifyOperation.ask(ctx, c, of)
}

// Adopt takes histories as they stand, on a person's word, and returns how they verify.
func (c *Client) Adopt(ctx context.Context, ask operator.Adoption) ([]ledger.Verification, error) {
	return adoptOperation.ask(ctx, c, ask)
}

// SetAside gives up cases that cannot be read, on a person's word.
func (c *Client) SetAside(ctx context.Context, ask operator.Adoption) error {
	_, err := asideOperation.ask(ctx, c, ask)
	return err
}

// Export writes every history of the ledger, one [ledger.Copy] a line.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	response, err := c.post(ctx, exportPath, nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err = io.Copy(w, response.Body); err != nil {
		return fmt.Errorf("reading the ledger: %w", err)
	}
	if response.Trailer.Get(whole) == "" {
		return errors.New("the host ended before the ledger did")
	}
	return nil
}

// Doctor examines the installation with the rights of the host.
func (c *Client) Doctor(ctx context.Context) ([]doctor.Finding, error) {
	return doctorOperation.ask(ctx, c, struct{}{})
}

// Backups are the findings about the copies of the ledger; none where the host is not told where they go.
func (c *Client) Backups(ctx context.Context) ([]doctor.Finding, error) {
	return backupsOperation.ask(ctx, c, struct{}{})
}

// patience is for how long a host is waited for: it may have hundreds of departures to cancel.
const patience = 5 * time.Minute

// ask asks the host.
func (o operation[In, Out]) ask(ctx context.Context, c *Client, in In) (out Out, err error) {
	text, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	response, err := c.post(ctx, o.path, text)
	if err != nil {
		return out, err
	}
	defer func() { _ = response.Body.Close() }()
	return out, json.NewDecoder(response.Body).Decode(&out)
}

// post sends a question; what the host refuses is an error in its words.
func (c *Client) post(ctx context.Context, path string, text []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.entry.Address+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.entry.Token)
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		return nil, fmt.Errorf("the host does not answer; is leaver up running? %w", err)
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return nil, errors.New(strings.TrimSpace(string(answer)))
}
