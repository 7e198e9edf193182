package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"leaver/infra/leaver/internal/terminal"
	"leaver/infra/resident"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

type hrCommand struct {
	Sources string `required:"" type:"existingfile" help:"File of the sources of requests, YAML: each whose vendor is simulated gets a system with its secrets."`
	Addr    string `default:"127.0.0.1:8090" help:"Address of the read APIs: api.url of a source is http://ADDR/NAME."`
	Intake  string `default:"http://127.0.0.1:8080" help:"Where the webhooks go."`
}

// Help implements kong.HelpProvider.
func (*hrCommand) Help() string {
	return `The first line on stdout is JSON that says where each system is. What is posted to its address tell happens there: hired, dismissed, moved, taken back, rehired, effective or deleted.

  leaver hr --sources sources.yaml &
  leaver up --simulate --sources sources.yaml &
  curl http://127.0.0.1:8090/bob/tell -d '{"what":"hired","id":"4711","number":"E0001","mail":"adele.vance@contoso.com"}'
  curl http://127.0.0.1:8090/bob/tell -d '{"what":"dismissed","id":"4711","lastDay":"2026-11-30"}'`
}

// served is one simulated system, on the first line.
type served struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor"`
	API    string `json:"api"`
	Tell   string `json:"tell"`
}

// Run serves and sends until it is interrupted.
func (c *hrCommand) Run(on console) error {
	declared, err := resident.DeclaredOf(on, on.environ, c.Sources, nil)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	mux, systems, all := http.NewServeMux(), map[string]*simhr.System{}, []served{}
	for _, one := range declared {
		system, err := simhr.New(one.Vendor, time.Now)
		if err != nil {
			continue // nobody has to ask what signs and says everything itself
		}
		if one.Unread != nil {
			return errors.Join(one.Unread, listener.Close())
		}
		system.Known(strings.Join(one.Secrets[:min(1, len(one.Secrets))], ""), one.API.User, one.API.Secret) // the newest
		systems[one.Name] = system
		mux.Handle("/"+one.Name, http.StripPrefix("/"+one.Name, system))
		mux.Handle("/"+one.Name+"/", http.StripPrefix("/"+one.Name, system))
		mux.HandleFunc("POST /"+one.Name+"/tell", tell(system))
		at := "http://" + listener.Addr().String() + "/" + one.Name
		all = append(all, served{one.Name, one.Vendor, at, at + "/tell"})
	}
	if len(all) == 0 {
		return errors.Join(fmt.Errorf("%s declares no vendor that is simulated", c.Sources), listener.Close())
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	if err := terminal.WriteJSON(on.stdout, []map[string]any{{"systems": all}}); err != nil {
		return err
	}
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		for name, system := range systems {
			if _, err := system.Send(on, http.DefaultClient, c.Intake+"/webhooks/"+name); err != nil && on.Err() == nil {
				return err
			}
		}
		select {
		case <-every.C:
		case <-on.Done():
			return nil
		}
	}
}

// tell has something happen at a system.
func tell(system *simhr.System) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			What            string           `json:"what"`
			ID              string           `json:"id"`
			Number          string           `json:"number"`
			Mail            string           `json:"mail"`
			Zone            string           `json:"zone"`
			LastDay         offboarding.Date `json:"lastDay"`
			EndOfEmployment offboarding.Date `json:"endOfEmployment"`
		}
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&asked)
		if err == nil {
			err = system.Tell(asked.What, simhr.Person{
				ID: asked.ID, Number: asked.Number, Mail: asked.Mail, Zone: asked.Zone, LastDay: asked.LastDay, EndOfEmployment: asked.EndOfEmployment,
			})
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}
