package backup

import "testing"

// FuzzRecord reads any text as the record of a backup: nothing in it is a number that no backup has.
func FuzzRecord(f *testing.F) {
	f.Add(`{"at":"2026-11-22T09:00:00Z","object":"ledger-20261122T090000.000Z.jsonl","bytes":7,"sha256":"00","histories":2,"entries":9,"most":2}`)
	f.Add(`{"at":"2026-11-22T09:00:00Z","histories":-1,"most":9223372036854775807}`)
	f.Add(`{"missing":[""],"unread":1}`)
	f.Add("\xff")
	f.Fuzz(func(t *testing.T, text string) {
		r := parseRecord([]byte(text))
		if r.Bytes < 0 || r.Histories < 0 || r.Most < 0 || r.Unread < 0 {
			t.Errorf("got %+v", r)
		}
		_, _ = r.lacks(), nameOf(r.At)
	})
}
