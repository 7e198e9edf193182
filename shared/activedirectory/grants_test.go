package activedirectory

import (
	"encoding/binary"
	"testing"
)

// everybody is the bytes of S-1-1-0.
var everybody = []byte{1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}

func descriptor(aces ...[]byte) []byte {
	d := make([]byte, 20, 64)
	binary.LittleEndian.PutUint32(d[16:], 20)
	acl := []byte{4, 0, 0, 0, byte(len(aces)), 0, 0, 0}
	d = append(d, acl...)
	for _, a := range aces {
		d = append(d, a...)
	}
	return d
}

func ace(kind, flags byte, mask uint32, who []byte) []byte {
	a := []byte{kind, flags, 0, 0, 0, 0, 0, 0}
	binary.LittleEndian.PutUint16(a[2:], uint16(len(a)+len(who)))
	binary.LittleEndian.PutUint32(a[4:], mask)
	return append(a, who...)
}

func TestTheFirstEntryThatMatchesDecides(t *testing.T) {
	allow, deny, inherited := ace(0, 0, 0x100, everybody), ace(1, 0, 0x100, everybody), ace(0, 8, 0x100, everybody)
	for name, test := range map[string]struct {
		descriptor []byte
		want       bool
	}{
		"allowed":                 {descriptor(allow), true},
		"denied first":            {descriptor(deny, allow), false},
		"allowed first":           {descriptor(allow, deny), true},
		"for children only":       {descriptor(inherited), false},
		"another right":           {descriptor(ace(0, 0, 0x20, everybody)), false},
		"nobody":                  {descriptor(), false},
		"cut in the middle":       {descriptor(allow)[:30], false},
		"no access control list":  {make([]byte, 20), false},
		"list beyond the end":     {append(make([]byte, 16), 0xff, 0xff, 0, 0), false},
		"entry longer than it is": {descriptor([]byte{0, 0, 0xff, 0xff, 0, 1, 0, 0}), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := grants(test.descriptor, []string{"S-1-1-0"}, resetPassword); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func FuzzGrants(f *testing.F) {
	f.Add(descriptor(ace(0, 0, 0x100, everybody)))
	f.Add(descriptor(ace(5, 0, 0x100, append([]byte{1, 0, 0, 0}, everybody...))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if grants(raw, nil, resetPassword) {
			t.Error("a right was given to nobody")
		}
	})
}
