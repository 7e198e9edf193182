package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"
)

// failures makes the SDK read every error answer as an ODataError.
var failures = abstractions.ErrorMappings{"XXX": odataerrors.CreateODataErrorFromDiscriminatorValue}

// batch makes up to 20 reads in one round trip and returns their answers in the order of the
// requests. The first one that failed is the error of all. The SDK's own batch is not used: it
// panics when an answer lacks a request or is empty, and loses the status of an error without
// a content type.
func (c *Client) batch(ctx context.Context, requests ...*abstractions.RequestInformation) ([]serialization.ParseNode, error) {
	var items []batchItem
	for i, r := range requests {
		r.PathParameters["baseurl"] = "" // the addresses of a batch are relative
		u, err := r.GetUri()
		if err != nil {
			return nil, err
		}
		items = append(items, batchItem{ID: strconv.Itoa(i), Method: r.Method.String(), URL: strings.ReplaceAll(u.String(), "%24", "$")})
	}
	text, err := c.post(ctx, items)
	if err != nil {
		return nil, err
	}
	return c.batchAnswers(text, items)
}

// batchItem is one request of a batch.
type batchItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// post sends a batch and returns its answers as they are.
func (c *Client) post(ctx context.Context, items []batchItem) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"requests": items})
	if err != nil {
		return nil, err
	}
	all := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.POST, "{+baseurl}/$batch", map[string]string{})
	all.Headers.TryAdd("Accept", "application/json")
	all.SetStreamContentAndContentType(body, "application/json")
	raw, err := c.adapter.SendPrimitive(ctx, all, "[]byte", failures)
	if err != nil {
		return nil, err
	}
	text, _ := raw.([]byte)
	return text, nil
}

// batchAnswer is the answer to one request of a batch: the body of a success, or what went wrong.
type batchAnswer struct {
	status int
	header http.Header
	body   json.RawMessage
	failed *problem
}

// readBatch reads the answers to some requests, in their order. The budget of each hears what its
// answer says.
func (b budgets) readBatch(text []byte, items []batchItem) ([]batchAnswer, error) {
	var body struct {
		Responses []struct {
			ID      string            `json:"id"`
			Status  int               `json:"status"`
			Headers map[string]string `json:"headers"`
			Body    json.RawMessage   `json:"body"`
		} `json:"responses"`
	}
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, fmt.Errorf("the answers of a batch cannot be read: %w", err)
	}
	answers := make([]batchAnswer, len(items))
	for _, r := range body.Responses {
		i, err := strconv.Atoi(r.ID)
		if err != nil || i < 0 || i >= len(items) {
			return nil, fmt.Errorf("a batch was answered for a request it did not hold")
		}
		head := http.Header{}
		for k, v := range r.Headers {
			head.Set(k, v)
		}
		b.hear(part{items[i].Method, items[i].URL}, r.Status, head)
		answers[i] = batchAnswer{status: r.Status, header: head, body: r.Body}
		if r.Status < 200 || r.Status > 299 {
			answers[i].failed = &problem{status: r.Status, codes: codesOf(r.Body), requestID: head.Get("request-id"), retry: head.Get("Retry-After")}
		}
	}
	for _, a := range answers {
		if a.status == 0 {
			return nil, fmt.Errorf("a batch was not answered in full")
		}
	}
	return answers, nil
}

func (c *Client) batchAnswers(text []byte, items []batchItem) ([]serialization.ParseNode, error) {
	read, err := c.budgets.readBatch(text, items)
	if err != nil {
		return nil, err
	}
	answers := make([]serialization.ParseNode, len(items))
	for i, a := range read {
		if a.failed != nil {
			return nil, a.failed
		}
		if answers[i], err = kjson.NewJsonParseNode(a.body); err != nil {
			return nil, fmt.Errorf("an answer of a batch cannot be read: %w", err)
		}
	}
	return answers, nil
}

// object reads one answer of a batch as a model of the SDK.
func object[T any](node serialization.ParseNode, make serialization.ParsableFactory) (T, error) {
	var none T
	parsed, err := node.GetObjectValue(make)
	if err != nil {
		return none, err
	}
	model, ok := parsed.(T)
	if !ok {
		return none, errNothing
	}
	return model, nil
}
