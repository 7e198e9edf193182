package main

import (
	"encoding/json"
	"time"

	"leaver/events"
	"leaver/functions/replay"
	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// sampled is when the samples happen, and sampledPerson who leaves in them: somebody of the
// simulated tenant, where everybody's object id is always the same.
var sampled = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const sampledPerson = "irvin.sayers@contoso.com"

// samples are events/NAME.json for every function: what AWS Lambda hands it.
func samples() (map[string][]byte, error) {
	inputs := map[string]any{}
	for _, f := range offboarding.InCloud() {
		input, err := sample(f.Name)
		if err != nil {
			return nil, err
		}
		inputs[f.Name] = input
	}
	files := map[string][]byte{}
	for name, input := range inputs {
		text, err := json.MarshalIndent(input, "", "  ")
		if err != nil {
			return nil, err
		}
		files["events/"+name+".json"] = append(text, '\n')
	}
	return files, nil
}

func sample(function string) (any, error) {
	leaver := simtenant.UserID(sampledPerson)
	switch function {
	case offboarding.FunctionIntake:
		webhook, err := events.Files.ReadFile("terminated-forward.json")
		if err != nil {
			return nil, err
		}
		signed, err := events.Sign(webhook, "msg_1", sampled)
		return json.RawMessage(signed), err
	case offboarding.FunctionResolve:
		return messages(bus.Hint{Attempt: 1, Hint: offboarding.Hint{
			ID: offboarding.RequestID("webhooks/bob", "msg_1"), Source: "bob", Person: "2000000000000004711", Event: "employee.left", ReceivedAt: sampled,
		}}.Message(time.Time{}))
	case offboarding.FunctionPlan:
		return messages(bus.Request{Attempt: 1, Request: offboarding.Request{
			ID: offboarding.RequestID(hris.SourceStandard, "msg_1"), Kind: offboarding.Termination, Source: hris.SourceStandard,
			EventTime: sampled, ReceivedAt: sampled, LeavingTime: sampled,
			Employee: offboarding.Employee{UserPrincipalName: sampledPerson},
		}}.Message(time.Time{}))
	case offboarding.FunctionWatch, offboarding.FunctionBackup, offboarding.FunctionNotify:
		return map[string]any{"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "time": sampled, "detail": map[string]any{}}, nil
	case offboarding.FunctionConsole:
		return map[string]any{
			"version": "2.0", "routeKey": "ANY /console/{page+}", "rawPath": "/console/", "rawQueryString": "", "headers": map[string]string{"host": "leaver.contoso.com"},
			"requestContext": map[string]any{"domainName": "leaver.contoso.com", "stage": "$default", "http": map[string]string{"method": "GET", "path": "/console/", "sourceIp": "192.0.2.1"}},
		}, nil
	case offboarding.FunctionReplay:
		return replay.Selection{Step: string(offboarding.Steps[0].Name), Preview: true}, nil
	}
	return messages(bus.Step{
		Tenant: simtenant.DefaultTenantID, Case: leaver + "-1", PlanVersion: 1, Step: offboarding.StepName(function), N: 1, Leaver: leaver,
	}.Message(time.Time{}))
}

// messages is an invocation that carries a message.
func messages(m bus.Message, err error) (any, error) {
	return map[string]any{"messages": []json.RawMessage{m.Body}}, err
}
