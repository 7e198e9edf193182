package offboarding

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// FilesToManager is the value of filesTo by which files go to whoever gets the mail, or to the
// manager.
const FilesToManager = "manager"

// What filesTo may be, beside [FilesToManager].
var (
	// driveID is what Graph calls a drive of SharePoint or OneDrive for Business.
	driveID = regexp.MustCompile(`^b![A-Za-z0-9_-]+$`)
	// person is an object id or a userPrincipalName.
	person = regexp.MustCompile(`^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@\s]+@[^@\s]+)$`)
)

// FilesToDrive reports whether files are moved to a drive that filesTo names by its id.
func FilesToDrive(to string) bool { return driveID.MatchString(to) }

// FilesToPerson reports whether files are moved to the OneDrive of somebody whom filesTo names.
func FilesToPerson(to string) bool { return person.MatchString(to) }

// FilesFolder is the name of the folder that the files of a case are copied into.
func FilesFolder(caseID string) string { return "Files of " + caseID }

// Drive is a OneDrive, or the document library of a site, as its root folder shows it.
// Source: Microsoft Graph, resource type drive.
type Drive struct {
	ID      string
	Root    string // item id of the root folder
	Content        // Items are those at the root, Bytes are of everything
}

// Library is a document library of a OneDrive's site. Most have the OneDrive alone.
// Source: Microsoft Graph, List drives.
type Library struct {
	ID     string
	WebURL string // personal
	// Preserved is set of the library in which retention policies keep what was deleted or changed.
	Preserved bool
}

// DriveItem is a file or a folder of a drive. Its name is personal.
// Source: Microsoft Graph, resource type driveItem.
type DriveItem struct {
	ID     string
	Name   string
	Folder bool
	Size   int64 // bytes; of a folder, of everything in it
	Hashes Hashes
	Shared bool // the item has a sharing permission of its own, or inherits one
	// Remote is set for a link to an item of another drive ("Add shortcut to OneDrive"): it is no
	// content of this one.
	Remote bool
	// Package is the type of an item that is several files and shown as one, as oneNote.
	Package string
	WebURL  string // by which a person finds it; personal
}

// ItemAt begins the name of a before that seals where a person finds an item that is left to them.
const ItemAt = "itemAt "

// Quota is what a drive holds by the bytes that count, and what its recycle bin does. Unknown is
// set where Graph does not say what is deleted.
// Source: Microsoft Graph, resource type quota.
type Quota struct {
	Used, Deleted int64
	Unknown       bool
}

// Hashes are those of a file's content; which of them there are is up to Graph.
// Source: Microsoft Graph, resource type hashes.
type Hashes struct{ QuickXor, SHA1, SHA256 string }

// Compare reports whether two contents are the same by every hash that both have, and whether
// they have one in common.
func (h Hashes) Compare(other Hashes) (same, compared bool) {
	same = true
	for _, pair := range [][2]string{{h.QuickXor, other.QuickXor}, {h.SHA1, other.SHA1}, {h.SHA256, other.SHA256}} {
		if pair[0] != "" && pair[1] != "" {
			compared = true
			same = same && pair[0] == pair[1]
		}
	}
	return same, compared
}

// SharingPermission is who may use a drive item, by a link or by name.
// Source: Microsoft Graph, resource type permission.
type SharingPermission struct {
	ID        string
	Link      string // type of the sharing link: view, edit, …; empty when it is no link
	Scope     string // of the link: anonymous, organization, users
	Roles     []string
	GrantedTo string // object id of the user it is granted to; empty for anybody else
	Inherited bool   // from a folder above: it can be removed only there
}

// MostChildren is how many items may lie in a folder whose children are copied by one request.
// Source: Microsoft Graph, driveItem: copy, childrenOnly: 150 direct children.
const MostChildren = 150

// CopyStart is what became of a request to copy one item.
type CopyStart struct {
	Monitor string // its address; empty when the name is taken in the target, and with an error
	Err     error
}

// CopyState is how far the asynchronous copy of a drive item has come.
type CopyState struct {
	Percent float64
	Done    bool
	Failure string // error code of a copy that is done and failed
}

// ErrResyncRequired is wrapped when Graph does not know any more what has changed since a delta
// token: whoever asks has to look at everything again.
var ErrResyncRequired = errors.New("what has changed is not known any more")

// FilesLost says what would be lost with the drive as it is (B12). It is nothing when the drive is
// empty, when the organisation gives its files up, and when its copy was verified and the drive
// holds as much as then; whether it is still the same, what Graph reports since the token says.
// Without a token there is nothing to ask. A drive that does not show, as Microsoft's may without a
// licence, is empty only when onedrive was done with it.
func FilesLost(c *Case, d Drive) (why, token string) {
	r := c.Step(StepOnedrive)
	done := r != nil && r.State == StateEffective
	verified := c.VerifiedDrive()
	switch {
	case c.Plan.KeepFiles == KeepNone, d.Exists && d.Empty(), !d.Exists && done:
		return "", ""
	case !d.Exists:
		return "no OneDrive shows, and nobody saw what it held" + compareAgain, ""
	case !done || verified.Items == "":
		return fmt.Sprintf("the OneDrive holds %s, %s, that nobody kept", Count(d.Items, "item"), Bytes(d.Bytes)), ""
	case verified.ID != d.ID:
		return "the OneDrive is another one than that whose copy was verified" + compareAgain, ""
	case verified.Items != strconv.Itoa(d.Items) || verified.Bytes != strconv.FormatInt(d.Bytes, 10):
		return fmt.Sprintf("the OneDrive has changed since its copy was verified: it holds %s (%d bytes) now and held %s (%s bytes) then"+compareAgain,
			Count(d.Items, "item"), d.Bytes, verified.Items, verified.Bytes), ""
	case verified.Delta == "": // verified by an older version
		return FilesChanged(nil, ErrResyncRequired), ""
	}
	return "", verified.Delta
}

const compareAgain = "; replay onedrive, then delete"

// mostNamed is how many ids a reason names.
const mostNamed = 10

// FilesChanged says what would be lost when Graph reports these items, by id, as changed since
// the copy was verified (B12), or does not know.
func FilesChanged(items []string, err error) string {
	switch {
	case errors.Is(err, ErrResyncRequired):
		return "whether the OneDrive has changed since its copy was verified is not known any more" + compareAgain
	case len(items) > 0:
		return "the OneDrive has changed since its copy was verified: items " + strings.Join(items[:min(len(items), mostNamed)], ", ") + compareAgain
	}
	return ""
}
