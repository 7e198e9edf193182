package operator

import (
	"context"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// Sent is a request that the bus has acknowledged.
type Sent struct {
	Request string `json:"request"`
}

// Offboard sends a request. What becomes of it, [Desk.Status] says.
func (s *Desk) Offboard(ctx context.Context, ask offboarding.Request) (Sent, error) {
	request, err := s.received(ask, Operate)
	if err != nil {
		return Sent{}, err
	}
	m, err := bus.Request{Request: request, Attempt: 1}.Message(time.Time{})
	if err == nil {
		_, err = s.Bus.Publish(ctx, m)
	}
	return Sent{Request: request.ID}, err
}

// received is what the operator asks for, who has to have a role; it happens now.
func (s *Desk) received(request offboarding.Request, needs Role) (offboarding.Request, error) {
	now := s.Now().UTC()
	by, err := s.acting(needs, request.By.Name)
	if err != nil {
		return request, err
	}
	request.ID, request.By = offboarding.RequestID("operator", uuid.NewString()), by
	request.Source, request.EventTime, request.ReceivedAt = "operator", now, now
	switch {
	case !request.LeavingTime.IsZero():
	case !request.LeavingDate.IsZero(): // plan knows where it ends
		request.LeavingTime = request.LeavingDate.At(offboarding.EndOfDay, offboarding.AnywhereOnEarth)
	default:
		request.LeavingTime = now
	}
	if err := request.Validate(); err != nil {
		return request, refused(err.Error())
	}
	return request, nil
}
