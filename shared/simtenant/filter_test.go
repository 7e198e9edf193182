package simtenant

import "testing"

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"mail eq 'a''b'", "a/any(p:p eq 'x') or not (b ne true and c in ('1','2'))", "startswith(a,'b')", "x eq 4b9405b0-7788-4568-add1-99614e613b69", "((((", "a eq '", "any(", "a/any(p:q eq 1)", "not not a eq null",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseFilter(text)
		if err != nil {
			return
		}
		get := func(string) (any, bool) { return []string{"x"}, true }
		p.holds(get)
		if len(p.properties()) == 0 {
			t.Errorf("%q reads no property", text)
		}
		p.mistyped("user")
		p.unsupported("user", false)
	})
}

func TestFilterRefusals(t *testing.T) {
	for _, text := range []string{"", "mail", "mail eq", "mail eq 'a' and", "mail has 'a'", "(mail eq 'a'", "mail eq 'a' mail", "p/any(x:y eq 'a')", "mail eq 'a", "endswith(mail)", "mail in ('a'"} {
		if f, err := parseFilter(text); err == nil {
			t.Errorf("%q was taken as %+v", text, f)
		}
	}
}

func TestSizeText(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 B (0 bytes)", 512: "512 B (512 bytes)", 1536: "1.5 KB (1,536 bytes)", 1 << 20: "1 MB (1,048,576 bytes)", 15687850951: "14.61 GB (15,687,850,951 bytes)",
	} {
		equal(t, "size", sizeText(bytes), want)
	}
}
