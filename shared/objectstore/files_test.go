package objectstore

import "testing"

func TestTheURLOfAnExportIsItsStorageAndItsFolder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"s3://contoso/CASE?region=eu-central-1":                    {"s3://contoso?region=eu-central-1", "CASE/"},
		"s3://contoso/2026/CASE/?region=eu-central-1":              {"s3://contoso?region=eu-central-1", "2026/CASE/"},
		"s3://contoso?prefix=CASE/":                                {"s3://contoso?prefix=CASE/", ""},
		"azblob://exports/CASE?storage_account=contoso&domain=d.e": {"azblob://exports?storage_account=contoso&domain=d.e", "CASE/"},
		"file:///mnt/exports/CASE":                                 {"file:///mnt/exports/CASE", ""},
	} {
		if storage, prefix, err := Split(text); err != nil || storage != want[0] || prefix != want[1] {
			t.Errorf("%s: got %q, %q, %v; want %v", text, storage, prefix, err, want)
		}
	}
	for _, text := range []string{"https://contoso.example/CASE", "s3:///CASE", "CASE", "ftp://x"} {
		if _, _, err := Split(text); err == nil {
			t.Errorf("%s was taken for the URL of a storage", text)
		}
	}
}
