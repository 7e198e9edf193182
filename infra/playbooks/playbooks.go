// Package playbooks has the pages for whoever is woken, so that leaver help shows them where no
// repository is at hand.
package playbooks

import "embed"

// Pages are the pages, NAME.md each, and README.md.
//
//go:embed *.md
var Pages embed.FS
