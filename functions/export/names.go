package export

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"leaver/shared/offboarding"
)

const (
	// longestName is how much of a folder's name is kept, in characters.
	longestName = 40
	// longestDir is how long the path of a folder gets: with the export's own and a file's, less than the 260
	// characters of Windows.
	longestDir = 120
)

// short tells things with the same name apart, also where upper and lower case are one.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:6])
}

// dirOf is where the items of a folder are stored, below the folder that holds it. Nothing in a name can
// lead out of it, or mean something to a file system: letters, digits and a few signs are left, and it ends
// in letters of ours.
func dirOf(parent, name, id string, part offboarding.MailboxPart) string {
	dir := parent + "/" + plain(name) + "~" + short(id)
	if parent == "" {
		dir = string(part) + dir
	}
	if len([]rune(dir)) > longestDir {
		dir = string(part) + "/~" + short(id)
	}
	return dir
}

// plain is what is left of a name.
func plain(name string) string {
	var b strings.Builder
	n := 0
	for _, r := range name {
		if n == longestName {
			break
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || r == ' ' && n > 0 {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
		n++
	}
	return b.String()
}

// fileOf is the path of a file of an item, without the ending.
func fileOf(dir string, i *item) string {
	name := short(i.ID) + short(i.ID + "~")[:4]
	if !i.Received.IsZero() {
		name = i.Received.UTC().Format("20060102-150405-") + name
	}
	return dir + "/" + name
}
