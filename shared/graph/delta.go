package graph

import (
	"context"
	"errors"
	"net/url"
	"regexp"
)

func readDelta(doing, drive, query string) call {
	return call{doing: doing, files: []string{drive}, path: "/drives/{}/root/delta", query: query, budget: budgetFile}
}

// DeltaToken marks the drive as it is now: [Client.Delta] reports what changes after it. The
// token is Graph's own, and is known for a time that Microsoft does not say; it opens nothing.
// Permission: Files.Read.All. Source: Microsoft Graph, driveItem: delta, token=latest.
func (c *Client) DeltaToken(ctx context.Context, drive string) (string, error) {
	reading := readDelta("marking the changes of drive", drive, "token=latest&$select=id")
	p, err := get[page[driveItem]](ctx, c, reading)
	if err != nil {
		return "", err
	}
	token := tokenOf(p.Delta)
	if token == "" {
		return "", errors.New(reading.what() + ": the answer has no token")
	}
	return token, nil
}

// functionToken is a token that stands in a path, as delta(token='…').
var functionToken = regexp.MustCompile(`\(token='([^']+)'\)`)

// tokenOf is the token of a deltaLink, which Graph writes in two ways.
func tokenOf(link string) string {
	address, err := url.Parse(link)
	if err != nil {
		return ""
	}
	if token := address.Query().Get("token"); token != "" {
		return token
	}
	if found := functionToken.FindStringSubmatch(address.Path); found != nil {
		return found[1]
	}
	return ""
}

// Delta lists the ids of items that have changed since a token: in content, name, place or
// permissions, new ones and deleted ones. It ends with the first page that has any. The root,
// which is in every answer, does not count, and folders are left out beside what lies in them. A
// token that Graph does not know any more is offboarding.ErrResyncRequired. Permission:
// Files.Read.All.
func (c *Client) Delta(ctx context.Context, drive, token string) ([]string, error) {
	reading := readDelta("reading the changes of drive", drive, "token="+escaped(token)+"&$select=id,folder,root,deleted")
	for p, err := range pages[driveItem](ctx, c, reading) {
		if err != nil {
			return nil, err
		}
		if changed := changed(*p.Value); len(changed) > 0 {
			return changed, nil
		}
	}
	return nil, nil
}

// changed are the ids of a page.
func changed(items []driveItem) []string {
	var others, folders []string
	for _, i := range items {
		switch {
		case i.Root != nil:
		case i.Folder != nil && i.Deleted == nil:
			folders = append(folders, i.ID)
		default:
			others = append(others, i.ID)
		}
	}
	if len(others) > 0 {
		return others
	}
	return folders
}
