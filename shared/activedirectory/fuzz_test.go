package activedirectory

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// FuzzAccount reads whatever a directory may say of an account.
func FuzzAccount(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), []byte{1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}, `CN=Vance\, Adele,OU=People,DC=contoso,DC=com`, "512", "134123456789012345", "user")
	f.Add([]byte("short"), []byte{1, 255, 0, 0, 0, 0, 0, 5}, `\`, "-2147483648", "9223372036854775807", "")
	f.Add([]byte{}, []byte{}, ``, "0x200", "-1", "computer")
	f.Fuzz(func(t *testing.T, id, security []byte, dn, control, set, class string) {
		e := &ldap.Entry{DN: dn}
		for name, value := range map[string]string{"objectGUID": string(id), "objectSid": string(security), "userAccountControl": control, "pwdLastSet": set, "objectClass": class} {
			e.Attributes = append(e.Attributes, &ldap.EntryAttribute{Name: name, Values: []string{value}, ByteValues: [][]byte{[]byte(value)}})
		}
		a, err := account(e)
		if err != nil {
			return
		}
		if _, err := json.Marshal(a); err != nil {
			t.Errorf("it cannot be kept: %v", err)
		}
		if len(id) == 16 && escapedID(a.ID) != escaped(id) {
			t.Errorf("objectGUID %q is looked for as %q, want %q", a.ID, escapedID(a.ID), escaped(id))
		}
		if len(id) != 16 && a.ID != "" {
			t.Errorf("%d bytes are the id %q", len(id), a.ID)
		}
		if n, err := strconv.ParseInt(set, 10, 64); err == nil && n > 0 && !a.PasswordSet.IsZero() && a.PasswordSet.Unix() != n/10_000_000-11_644_473_600 {
			t.Errorf("pwdLastSet %d is %v", n, a.PasswordSet)
		}
		if text := sid(security); text != "" && !strings.HasPrefix(text, "S-") {
			t.Errorf("SID %q", text)
		}
		if name, parent := split(dn); len(name)+len(parent) > len(dn) || !strings.HasPrefix(dn, name) || !strings.HasSuffix(dn, parent) {
			t.Errorf("%q is %q in %q", dn, name, parent)
		}
	})
}
