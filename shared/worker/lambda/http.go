package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// HTTP serves an HTTP API of API Gateway, payload format 2.0, with an http.Handler. After is
// called when the handler is done, before the answer is sent.
func HTTP(handler http.Handler, after func()) Handler {
	return HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		defer after()
		var event events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(payload, &event); err != nil {
			return nil, fmt.Errorf("the payload is not an event of an HTTP API, payload format 2.0: %w", err)
		}
		request, err := requestOf(ctx, event)
		if err != nil {
			return nil, err
		}
		answer := &answer{header: http.Header{}, status: http.StatusOK}
		handler.ServeHTTP(answer, request)
		return json.Marshal(answer.event())
	})
}

// requestOf is the request that the event tells of.
// Source: Amazon API Gateway, Working with AWS Lambda proxy integrations for HTTP APIs.
func requestOf(ctx context.Context, e events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(e.Body); err != nil {
			return nil, fmt.Errorf("the body of the event: %w", err)
		}
	}
	// A stage other than $default is in front of the path, but not of the routes.
	path := e.RawPath
	if stage := e.RequestContext.Stage; stage != "" && stage != "$default" {
		path = strings.TrimPrefix(path, "/"+stage)
	}
	url := "https://" + e.RequestContext.DomainName + path
	if e.RawQueryString != "" {
		url += "?" + e.RawQueryString
	}
	request, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the event is not a request: %w", err)
	}
	for name, value := range e.Headers {
		request.Header.Set(name, value) // several values are joined by commas already
	}
	if len(e.Cookies) > 0 {
		request.Header.Set("Cookie", strings.Join(e.Cookies, "; "))
	}
	request.RemoteAddr = e.RequestContext.HTTP.SourceIP
	request.RequestURI = request.URL.RequestURI()
	return request, nil
}

// answer keeps what the handler answers.
type answer struct {
	header  http.Header
	status  int
	written bool
	body    bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if !a.written {
		a.status, a.written = status, true
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.written = true
	return a.body.Write(p)
}

func (a *answer) event() events.APIGatewayV2HTTPResponse {
	e := events.APIGatewayV2HTTPResponse{StatusCode: a.status, Headers: map[string]string{}, Cookies: a.header.Values("Set-Cookie")}
	a.header.Del("Set-Cookie")
	for name, values := range a.header {
		e.Headers[name] = strings.Join(values, ",")
	}
	if e.Body = a.body.String(); !utf8.ValidString(e.Body) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(a.body.Bytes()), true
	}
	return e
}
