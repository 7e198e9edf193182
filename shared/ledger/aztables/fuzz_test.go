package aztables

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"leaver/shared/ledger"
)

type answering struct {
	status      int
	media, body string
}

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: a.status, Status: http.StatusText(a.status), Request: r, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {a.media}}, Body: io.NopCloser(strings.NewReader(a.body)), ContentLength: int64(len(a.body)),
	}, nil
}

type fixed struct{}

func (fixed) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "t", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// FuzzAnswers reads whatever a table may hold or answer: what cannot be read is an error of the port, and what
// the service refuses is told with its status.
func FuzzAnswers(f *testing.F) {
	const id = "87d349ed-44d7-43e1-9a83-5f2406dee5bd-1"
	head := `{"PartitionKey":"` + id + `","RowKey":"head","Position@odata.type":"Edm.Int32","Position":1,"Label":"open"}`
	f.Add(200, "application/json", head)
	f.Add(200, "application/json", `{"value":[{"PartitionKey":"`+id+`","RowKey":"entry_0000000001","Data0@odata.type":"Edm.Binary","Data0":"e30="},`+head+`]}`)
	f.Add(200, "application/json", `{"value":[{"PartitionKey":"_open","RowKey":"`+id+`_0000000001"},{"RowKey":"_x"},{}]}`)
	f.Add(200, "application/json", `{"value":[{"RowKey":"value_x","Name":"x","Data0@odata.type":"Edm.Binary","Data0":"!"},{"Name@odata.type":"Edm.Guid","Name":"x"},null]}`)
	f.Add(202, "multipart/mixed; boundary=b", "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 409 Conflict\r\n\r\n{\"odata.error\":{\"code\":\"EntityAlreadyExists\"}}\r\n--b--")
	f.Add(412, "application/json", `{"odata.error":{"code":"UpdateConditionNotSatisfied"}}`)
	f.Add(400, "application/json", `{"odata.error":7}`)
	f.Fuzz(func(t *testing.T, status int, media, body string) {
		if status < 200 || status > 499 || status == 408 || status == 429 {
			return // which are tried again
		}
		s, err := Open("https://contoso.table.core.windows.net", fixed{}, &http.Client{Transport: answering{status, media, body}})
		if err != nil {
			t.Fatal(err)
		}
		_, errRead := s.Read(t.Context(), id, 0)
		_, errList := s.List(t.Context())
		_, errOpen := s.List(t.Context(), "open")
		_, errUnseal := s.Unseal(t.Context(), id)
		errAppend := s.Append(t.Context(), id, 1, "open", []byte(`{}`))
		for doing, err := range map[string]error{"reading": errRead, "listing": errList, "listing by label": errOpen, "unsealing": errUnseal, "appending": errAppend} {
			known := slices.ContainsFunc([]error{ledger.ErrUnavailable, ledger.ErrConflict, ledger.ErrTruncated, ledger.ErrUnreadable}, func(is error) bool { return errors.Is(err, is) })
			if refused := new(problem); err != nil && !known && !errors.As(err, &refused) {
				t.Errorf("%s: %v, which the port does not know", doing, err)
			}
		}
	})
}
