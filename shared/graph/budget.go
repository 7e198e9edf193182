package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// budgets are those that Microsoft documents and says something about before they are spent.
type budgets struct {
	reads, writes *pace // of the identity service, one for a request
	files         *pace // of SharePoint, in resource units
}

// part is a request, or one of a batch: its method, and its address from behind the version.
type part struct{ Method, URL string }

// requests are those a request to Graph consists of: itself, or the parts of a batch. None when
// the batch cannot be read.
func requests(method, address string, body []byte) []part {
	if address != "/$batch" {
		return []part{{method, address}}
	}
	var batch struct{ Requests []part }
	if json.Unmarshal(body, &batch) != nil {
		return nil
	}
	return batch.Requests
}

// writes reports whether one of some requests may change the world, or nobody knows.
func writes(parts []part) bool { return len(parts) == 0 || slices.ContainsFunc(parts, part.writes) }

// writes reports whether a request may change the world.
func (p part) writes() bool {
	path, _, _ := strings.Cut(p.URL, "?")
	return p.Method != http.MethodGet && p.Method != http.MethodHead &&
		!strings.HasSuffix(path, "/checkMemberGroups") // a question that is put as a POST
}

// budget is what a request draws on, and how much. Nil for Intune, Outlook and Exchange, whose
// budgets are of their own and far from what Leaver asks of one mailbox or device.
func (b budgets) budget(p part) (*pace, int) {
	path, query, _ := strings.Cut(strings.TrimPrefix(p.URL, "/"), "?")
	segments := strings.Split(path, "/")
	second := ""
	if len(segments) > 2 {
		second = segments[2]
	}
	switch segments[0] {
	case "drives":
		return b.files, units(p, path, query)
	case "users":
		switch second {
		case "drive":
			return b.files, units(p, path, query)
		case "mailboxSettings", "mailFolders", "calendars", "events", "managedDevices", "managedAppRegistrations", "wipeManagedAppRegistrationsByDeviceTag":
			return nil, 0
		}
	case "groups", "devices", "directory", "subscribedSkus", "oauth2PermissionGrants":
	default:
		return nil, 0
	}
	if p.writes() {
		return b.writes, 1
	}
	return b.reads, 1
}

// hear tells the budget of a request what its answer says.
func (b budgets) hear(p part, status int, header http.Header) {
	if budget, _ := b.budget(p); budget != nil {
		budget.hear(status, header)
	}
}

// units is what SharePoint charges for a request: 5 for permissions, 1 for reading one item or
// the changes since a token, 2 for anything else. Source: SharePoint, Avoid getting throttled or
// blocked, resource units.
func units(p part, path, query string) int {
	switch last := path[strings.LastIndexByte(path, '/')+1:]; {
	case strings.Contains(path, "/permissions"), last == "invite":
		return dearest
	case p.writes(), last == "children", last == "delta" && !strings.Contains(query, "token="):
		return 2
	}
	return 1
}
