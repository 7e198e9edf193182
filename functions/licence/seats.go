package licence

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// seats says which seats were freed. Where the policy has prices, buying fewer is a task for a
// person, with what that saves: Graph cannot change what is bought. No other step waits for it.
// Source: Microsoft 365 admin, Remove a former employee, step 6.
func (s *Step) seats(ctx context.Context, job *offboarding.Job) error {
	var names []string
	for _, held := range freed(job) {
		if name, _, _ := strings.Cut(held, " "); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	seats, err := s.directory.Seats(ctx)
	if err != nil {
		return err
	}
	var lines []string
	saves := 0.0
	for _, seat := range seats {
		if !slices.Contains(names, seat.PartNumber) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %d used of %d bought", seat.PartNumber, seat.Consumed, seat.Enabled))
		if price := job.Case.Plan.SeatPrices[seat.PartNumber]; price > 0 {
			lines[len(lines)-1] += fmt.Sprintf(", %.2f a month each", price)
			saves += price
		}
	}
	job.Evidence["seats"] = strings.Join(lines, "; ")
	if saves == 0 {
		return nil
	}
	return offboarding.DoneWithTask(fmt.Sprintf("the licence is released (%s): unless somebody is to get the seat, buy one fewer in the Microsoft 365 admin center, Billing, which saves %.2f a month; then sign off",
		strings.Join(lines, "; "), saves))
}

// freed are the licences that the leaver held and holds no more, by part number and with their group.
func freed(job *offboarding.Job) []string {
	return slices.DeleteFunc(strings.Split(job.Step.Before[licences], ", "), func(held string) bool {
		name, _, _ := strings.Cut(held, " ")
		return name == "" || strings.Contains(job.Evidence[staying], name+" (")
	})
}
