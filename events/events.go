// Package events holds sample inputs: webhooks as an HR system sends them. They are what the
// demo posts and the tests read; the sample secret signs them and nothing else.
package events

import "embed"

// Secret is the sample signing secret: base64 of "leaver-sample-secret-not-for-production".
const Secret = "whsec_bGVhdmVyLXNhbXBsZS1zZWNyZXQtbm90LWZvci1wcm9kdWN0aW9u"

// Files are the samples, by file name.
//
//go:embed *.json invalid/*.json
var Files embed.FS
