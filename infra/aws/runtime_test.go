package aws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// timeout is that of template.yaml.
const timeout = 120 * time.Second

// errDied says that the process ended before it answered.
var errDied = errors.New("the process died")

// function is one function as Lambda runs it: its binary as a process, started for the first
// invocation and again after it has died, and handed one invocation after another through the
// runtime API.
type function struct {
	name, binary string
	environ      []string
	work         chan *call

	mu      sync.Mutex
	process *instance
	log     bytes.Buffer
	asked   int // invocations
}

// call is one invocation.
type call struct {
	id       string
	payload  []byte
	deadline time.Time
	answer   chan answer
}

type answer struct {
	body []byte
	err  error
}

// instance is one process with the runtime API that it polls.
type instance struct {
	command *exec.Cmd
	api     *httptest.Server
	next    chan *call
	polled  chan struct{} // filled at the first poll
	answers chan answer
	over    chan struct{} // closed when the process has ended
}

// newFunction serves the invocations of a function until the test ends.
func newFunction(t testing.TB, name, binary string, environ []string) *function {
	t.Helper()
	f := &function{name: name, binary: binary, environ: environ, work: make(chan *call, 1000)}
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			select {
			case c := <-f.work:
				body, err := f.run(ctx, c)
				c.answer <- answer{body, err}
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		stop()
		f.kill()
		serving.Wait()
	})
	return f
}

// event invokes the function and does not wait. More than a few that wait are dropped, as the
// oldest would be by age.
func (f *function) event(payload []byte) {
	f.mu.Lock()
	f.asked++
	f.mu.Unlock()
	if len(f.work) < 3 {
		f.work <- &call{id: f.id(), payload: payload, answer: make(chan answer, 1)}
	}
}

// invoke invokes the function and waits for its answer.
func (f *function) invoke(payload []byte) ([]byte, error) {
	c := &call{id: f.id(), payload: payload, answer: make(chan answer, 1)}
	f.work <- c
	a := <-c.answer
	return a.body, a.err
}

func (f *function) id() string { return f.name + "-" + strconv.FormatInt(time.Now().UnixNano(), 36) }

// run hands an invocation to the process and waits for its answer.
func (f *function) run(ctx context.Context, c *call) ([]byte, error) {
	p, err := f.ready()
	if err != nil {
		return nil, err
	}
	c.deadline = time.Now().Add(timeout)
	for _, wait := range []func() (*answer, error){
		func() (*answer, error) {
			select {
			case p.next <- c:
				return nil, nil
			case a := <-p.answers: // it could not start
				return &a, nil
			case <-p.over:
				return nil, errDied
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		func() (*answer, error) {
			select {
			case a := <-p.answers:
				return &a, nil
			case <-p.over:
				return nil, errDied
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	} {
		if a, err := wait(); err != nil {
			return nil, err
		} else if a != nil {
			return a.body, a.err
		}
	}
	return nil, errDied
}

// ready is the process that runs, or a new one.
func (f *function) ready() (*instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.process; p != nil {
		select {
		case <-p.over:
		default:
			return p, nil
		}
	}
	p, err := start(f.binary, f.environ, &writer{f: f})
	if err != nil {
		return nil, err
	}
	f.process = p
	return p, nil
}

// kill ends the process, as a crash would.
func (f *function) kill() {
	f.mu.Lock()
	p := f.process
	f.mu.Unlock()
	if p != nil {
		_ = p.command.Process.Kill()
		<-p.over
	}
}

// said is what the function has logged.
func (f *function) said() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.String()
}

type writer struct{ f *function }

func (w *writer) Write(p []byte) (int, error) {
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	return w.f.log.Write(p)
}

// start starts a binary with a runtime API of its own.
// Source: AWS Lambda, Using the Lambda runtime API for custom runtimes.
func start(binary string, environ []string, log io.Writer) (*instance, error) {
	p := &instance{next: make(chan *call), polled: make(chan struct{}, 1), answers: make(chan answer, 1), over: make(chan struct{})}
	p.api = httptest.NewServer(p)
	p.command = exec.Command(binary)
	p.command.Env = append(environ, "AWS_LAMBDA_RUNTIME_API="+strings.TrimPrefix(p.api.URL, "http://"))
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		p.api.Close()
		return nil, err
	}
	go func() {
		_ = p.command.Wait()
		close(p.over)
		p.api.CloseClientConnections()
		p.api.Close()
	}()
	return p, nil
}

func (p *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const base = "/2018-06-01/runtime/"
	path, _ := strings.CutPrefix(r.URL.Path, base)
	body, _ := io.ReadAll(r.Body)
	switch {
	case path == "invocation/next":
		select {
		case p.polled <- struct{}{}:
		default:
		}
		select {
		case c := <-p.next:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", c.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:123456789012:function:leaver")
			_, _ = w.Write(c.payload)
		case <-r.Context().Done():
		}
	case strings.HasSuffix(path, "/response"):
		p.answers <- answer{body: body}
		w.WriteHeader(http.StatusAccepted)
	case strings.HasSuffix(path, "/error"):
		p.answers <- answer{err: fmt.Errorf("%s: %s", path, body)}
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
