package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// operatorFile is how the commands find the running host: DIR/operator.json, mode 0600.
type operatorFile struct {
	Address string `json:"address"` // URL on the loopback interface
	Token   string `json:"token"`
}

const operatorName = "operator.json"

// serveOperator answers the commands of this machine's operator, on the loopback interface and
// to who can read DIR/operator.json. It returns a function that ends it.
func (h *house) serveOperator(dir string) (stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	entry := operatorFile{Address: "http://" + listener.Addr().String(), Token: rand.Text()}
	text, err := json.Marshal(entry)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, operatorName)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", h.answerStatus)
	mux.HandleFunc("POST /requests", h.answerRequest)
	mux.HandleFunc("POST /plan", h.answerPlan)
	mux.HandleFunc("POST /cancel", h.answerCancel)
	mux.HandleFunc("POST /replay", h.answerReplay)
	mux.HandleFunc("POST /sign-off", h.answerSignOff)
	public := http.NewServeMux()
	// Without the token, for a collector on this machine: the metrics hold no personal data.
	public.Handle("GET /metrics", h.metrics.Handler())
	public.Handle("/", authorized(entry.Token, mux))
	server := &http.Server{Handler: public, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return func() error { return errors.Join(server.Close(), os.Remove(path)) }, nil
}

func authorized(token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "not the operator of this host", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (h *house) answerStatus(w http.ResponseWriter, r *http.Request) {
	found, err := statuses(r.Context(), h.ledger, r.URL.Query().Get("who"), h.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	_ = writeJSON(w, found)
}

// operator is the client of a running host.
type operator struct{ file operatorFile }

func dialOperator(dir string) (*operator, error) {
	text, err := os.ReadFile(filepath.Join(dir, operatorName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no host runs on %s; start one with leaver up, or name its directory with --data", dir)
	}
	if err != nil {
		return nil, err
	}
	var o operator
	if err := json.Unmarshal(text, &o.file); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, operatorName), err)
	}
	return &o, nil
}

func (o *operator) status(ctx context.Context, who string) ([]status, error) {
	body, err := o.call(ctx, http.MethodGet, "/status?who="+url.QueryEscape(who), nil)
	if err != nil {
		return nil, err
	}
	var found []status
	for decoder := json.NewDecoder(bytes.NewReader(body)); ; {
		var s status
		err := decoder.Decode(&s)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
}

func (o *operator) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, o.file.Address+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+o.file.Token)
	client := &http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the host does not answer; is leaver up running? %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, errors.New(strings.TrimSpace(string(answer)))
	}
	return answer, nil
}
