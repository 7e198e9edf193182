// Package lambda hosts functions on AWS Lambda: the handlers of an invocation, waking the
// functions that a message was published for, and metrics in CloudWatch's embedded metric
// format. Lambda has no trigger for Azure Service Bus, so a queue function drains its
// subscription when it is invoked: by whoever has just published for it, and by a schedule
// every minute.
package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// Handler answers invocations of one function.
type Handler = lambda.Handler

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(ctx context.Context, payload []byte) ([]byte, error)

// Invoke implements [Handler].
func (f HandlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

// JSON is a handler that reads its payload as I and answers with O.
func JSON[I, O any](work func(context.Context, I) (O, error)) Handler { return lambda.NewHandler(work) }

// Start makes the handler and serves invocations with it until Lambda ends the process. When
// there is no handler, Lambda is told why and the process ends.
func Start(log *slog.Logger, handler func(context.Context) (Handler, error)) {
	ctx := context.Background()
	h, err := handler(ctx)
	if err != nil {
		log.Error("the function cannot start", "error", err)
		refuse(ctx, os.Getenv("AWS_LAMBDA_RUNTIME_API"), err)
		os.Exit(1)
	}
	lambda.StartWithOptions(h, lambda.WithContext(ctx))
}

// refuse tells Lambda why the function cannot start, so that it is in the answer to whoever
// invokes it. Source: AWS Lambda, Runtime API, Initialization error.
func refuse(ctx context.Context, runtime string, cause error) {
	ctx, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	body, _ := json.Marshal(map[string]string{"errorType": "Leaver.Start", "errorMessage": cause.Error()})
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+runtime+"/2018-06-01/runtime/init/error", bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header.Set("Lambda-Runtime-Function-Error-Type", "Leaver.Start")
	if answer, err := http.DefaultClient.Do(request); err == nil {
		_ = answer.Body.Close()
	}
}
