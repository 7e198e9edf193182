package licence

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// seats says what the seats that were freed cost, and leaves to a person whether to go on paying
// for them: Graph cannot change what is bought.
// Source: Microsoft 365 admin, Remove a former employee, step 6.
func (s *Step) seats(ctx context.Context, job *offboarding.Job) error {
	var freed []string
	for held := range strings.SplitSeq(job.Step.Before[licences], ", ") {
		if name, _, _ := strings.Cut(held, " "); name != "" && !slices.Contains(freed, name) {
			freed = append(freed, name)
		}
	}
	if len(freed) == 0 {
		return nil
	}
	seats, err := s.directory.Seats(ctx)
	if err != nil {
		return err
	}
	var lines []string
	saves, priced := 0.0, true
	for _, seat := range seats {
		if !slices.Contains(freed, seat.PartNumber) {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s: %d of %d bought are used", seat.PartNumber, seat.Consumed, seat.Enabled))
		price, known := job.Case.Plan.SeatPrices[seat.PartNumber]
		saves, priced = saves+price, priced && known
	}
	if len(lines) == 0 {
		return nil
	}
	task := "; if nobody is to get the seat, buy one fewer in the Microsoft 365 admin center, Billing"
	if priced {
		task += fmt.Sprintf(", which saves %.2f a month", saves)
	}
	job.Evidence["seats"] = strings.Join(lines, ", ") + task
	return nil
}
