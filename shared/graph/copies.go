package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"leaver/shared/offboarding"
)

// copyTo starts the copy of an item into a folder of a drive. A taken name is its end.
func copyTo(doing, drive, id, toDrive, toFolder string, children bool) call {
	body := map[string]any{"parentReference": map[string]string{"driveId": toDrive, "id": toFolder}}
	if children {
		body["childrenOnly"] = true
	}
	return call{
		doing: doing, files: []string{drive, id, toDrive, toFolder}, method: http.MethodPost, path: "/drives/{}/items/{}/copy", query: "@microsoft.graph.conflictBehavior=fail",
		body: body, budget: budgetFiles,
	}
}

// Copies starts the copies of items, each with everything in it, into a folder of any drive, 20
// in one round trip, and returns for each the address of its monitor. That is a secret of a kind:
// whoever has it can ask how far the copy is, and it may name the owner of the drive. Where the
// name is taken nothing is copied. No monitor and no error means that it was taken at once. An
// item or folder that is not there is offboarding.ErrNotFound. Permission: Files.ReadWrite.All.
func (c *Client) Copies(ctx context.Context, drive string, items []string, toDrive, toFolder string) []offboarding.CopyStart {
	var calls []call
	for _, id := range items {
		calls = append(calls, copyTo("copying", drive, id, toDrive, toFolder, false))
	}
	answers, errs := c.batch(ctx, calls...)
	starts := make([]offboarding.CopyStart, len(items))
	for i, a := range answers {
		starts[i] = started(a, errs[i])
	}
	return starts
}

// CopyChildren starts the copy of everything in a folder, which may be the root, by one request;
// otherwise it is as [Client.Copies]. A folder with more than [offboarding.MostChildren] items is
// refused: permanent. One taken name ends the whole copy, which then may be there in part.
// Permission: Files.ReadWrite.All.
func (c *Client) CopyChildren(ctx context.Context, drive, folder, toDrive, toFolder string) offboarding.CopyStart {
	return started(c.write(ctx, copyTo("copying the children of", drive, folder, toDrive, toFolder, true)))
}

// started reads the answer to a request to copy.
func started(a answer, err error) offboarding.CopyStart {
	switch {
	case taken(err):
		return offboarding.CopyStart{}
	case err == nil && a.location == "":
		err = errors.New(a.what + ": accepted, but without a monitor")
	}
	if err != nil {
		return offboarding.CopyStart{Err: err}
	}
	return offboarding.CopyStart{Monitor: a.location}
}

// CopyState asks a monitor how far its copy is. A monitor that is not there any more is
// offboarding.ErrNotFound. The monitor is on a host of SharePoint and gets no token.
func (c *Client) CopyState(ctx context.Context, monitor string) (offboarding.CopyState, error) {
	const doing = "asking the monitor of a copy"
	address, err := url.Parse(monitor)
	if err != nil || address.Scheme != "https" || address.Host == "" || address.User != nil {
		return offboarding.CopyState{}, offboarding.Permanent(errors.New(doing + ": its address is not one of https"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, monitor, nil)
	if err != nil {
		return offboarding.CopyState{}, offboarding.Permanent(errors.New(doing + ": its address cannot be read"))
	}
	req.Header.Set("User-Agent", "leaver")
	res, err := c.plain.Do(req)
	if err != nil {
		return offboarding.CopyState{}, classify(doing, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSeeOther { // to the new item
		return offboarding.CopyState{Percent: 100, Done: true}, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, biggestError))
	if err != nil {
		return offboarding.CopyState{}, classify(doing, err)
	}
	if res.StatusCode >= 300 {
		return offboarding.CopyState{}, classify(doing, newProblem(res.StatusCode, res.Header, body, ""))
	}
	var answer struct {
		Status             string
		PercentageComplete float64
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return offboarding.CopyState{}, fmt.Errorf("%s: the answer cannot be read", doing)
	}
	state := offboarding.CopyState{Percent: answer.PercentageComplete}
	switch answer.Status {
	case "completed":
		state.Done = true
	case "failed", "deleteFailed", "cancelled", "cancelPending":
		state.Done, state.Failure = true, answer.Status
		if codes := codesOf(body); len(codes) > 0 {
			state.Failure = codes[0]
		}
	}
	return state, nil
}
