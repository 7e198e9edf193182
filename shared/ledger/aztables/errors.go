package aztables

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/ledger"
)

// What is wrong without the service's doing.
var (
	errID      = errors.New("not an id")
	errLarge   = errors.New("more than an entity holds")
	errContent = fmt.Errorf("%w: the table does not hold what it should", ledger.ErrUnreadable)
)

// problem is an error answer of the service, without its text.
type problem struct {
	status    int
	code      aztables.TableErrorCode
	requestID string
}

func (p *problem) Error() string {
	return fmt.Sprintf("Table Storage answered %d %s (request %s)", p.status, p.code, p.requestID)
}

// problemOf reads an error of the SDK; nil when it is no answer of the service.
func problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) {
		return nil
	}
	p = &problem{answer.StatusCode, aztables.TableErrorCode(answer.ErrorCode), ""}
	if answer.RawResponse != nil {
		p.requestID = answer.RawResponse.Header.Get("x-ms-request-id")
		if p.status == http.StatusAccepted {
			p.readTransaction(answer.RawResponse)
		}
	}
	return p
}

// readTransaction finds what became of a failed transaction: the service accepts it with 202, and
// the answer holds a single part, that of the operation that failed. The SDK does not read it.
// Source: Microsoft Learn, "Performing entity group transactions", sample error response.
func (p *problem) readTransaction(accepted *http.Response) {
	body, err := runtime.Payload(accepted)
	if err != nil {
		return
	}
	at := bytes.Index(body, []byte("HTTP/1.1 "))
	if at < 0 {
		return
	}
	part, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(body[at:])), nil)
	if err != nil {
		return
	}
	defer func() { _ = part.Body.Close() }()
	var failure struct {
		Error struct {
			Code aztables.TableErrorCode `json:"code"`
		} `json:"odata.error"`
	}
	// One value: the boundary comes after it.
	if err := json.NewDecoder(part.Body).Decode(&failure); err != nil {
		return
	}
	p.status, p.code = part.StatusCode, failure.Error.Code
}

// has reports whether the service's answer has one of the codes.
func has(err error, codes ...aztables.TableErrorCode) bool {
	p := problemOf(err)
	for _, code := range codes {
		if p != nil && p.code == code {
			return true
		}
	}
	return false
}

// missing reports whether there is no such entity.
func missing(err error) bool { return has(err, aztables.ResourceNotFound, aztables.EntityNotFound) }

// classify is the one place that maps what the service says to the errors of the port: by code and
// status, never by text. What was no answer at all is ledger.ErrUnavailable and keeps its cause.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, mark(err))
}

func mark(err error) error {
	for _, known := range []error{ledger.ErrConflict, ledger.ErrUnavailable, errID, errLarge, errContent} {
		if errors.Is(err, known) {
			return err
		}
	}
	p := problemOf(err)
	if p == nil {
		var sent *url.Error
		if errors.As(err, &sent) {
			err = sent.Err
		}
		return fmt.Errorf("%w: %w", ledger.ErrUnavailable, err)
	}
	switch p.code {
	case aztables.EntityAlreadyExists, aztables.UpdateConditionNotSatisfied:
		return fmt.Errorf("%w: %w", ledger.ErrConflict, p)
	case aztables.TableNotFound, aztables.TableBeingDeleted: // 409 too, and no conflict
		return fmt.Errorf("%w: %w", ledger.ErrUnavailable, p)
	}
	switch {
	case p.status >= 500, p.status == http.StatusRequestTimeout, p.status == http.StatusTooManyRequests,
		p.status < 400: // an answer that was cut off
		return fmt.Errorf("%w: %w", ledger.ErrUnavailable, p)
	}
	return p
}
