package graph

import (
	"context"
	"fmt"
	"strings"

	"leaver/shared/offboarding"

	"github.com/google/uuid"
)

// RemoveLicences takes directly assigned licences from the user, by skuId. Permission:
// LicenseAssignment.ReadWrite.All. An inherited licence, or one that the user does not hold,
// is refused: permanent.
func (c *Client) RemoveLicences(ctx context.Context, id string, skus []string) error {
	remove := call{doing: "removing licences of user", objects: []string{id}, path: "/users/{}/assignLicense", budget: budgetDirectory}
	for _, s := range skus {
		if uuid.Validate(s) != nil {
			return offboarding.Permanent(fmt.Errorf("%s: %q is not a skuId", remove.what(), s))
		}
	}
	remove.body = map[string][]string{"addLicenses": {}, "removeLicenses": skus} // Graph refuses what lacks one of them
	_, err := c.write(ctx, remove)
	return err
}

// Seats lists what the tenant has bought and uses. Permission: LicenseAssignment.Read.All.
func (c *Client) Seats(ctx context.Context) ([]offboarding.Seat, error) {
	type subscribed struct {
		SkuID         string
		SkuPartNumber string
		ConsumedUnits int
		PrepaidUnits  struct{ Enabled int }
		ServicePlans  []servicePlan
	}
	skus, err := list[subscribed](ctx, c, call{
		doing: "reading the subscribed SKUs", path: "/subscribedSkus", query: "$select=skuId,skuPartNumber,consumedUnits,prepaidUnits,servicePlans", budget: budgetDirectory,
	})
	var seats []offboarding.Seat
	for _, s := range skus {
		seat := offboarding.Seat{SKU: s.SkuID, PartNumber: s.SkuPartNumber, Consumed: s.ConsumedUnits, Enabled: s.PrepaidUnits.Enabled}
		for _, p := range s.ServicePlans {
			seat.Plans = append(seat.Plans, p.ServicePlanName)
		}
		seats = append(seats, seat)
	}
	return seats, err
}

// phonePlan begins the names of the service plans of Teams Phone: MCOEV, and those of other clouds
// and of small businesses.
// Source: Microsoft Entra, Product names and service plan identifiers for licensing.
const phonePlan = "MCOEV"

// licenceDetails are the service plans of a licence that a user holds.
type licenceDetails struct {
	ServicePlans []servicePlan
}

type servicePlan struct{ ServicePlanName string }

// phone reports whether the licence brings Teams Phone.
func (l licenceDetails) phone() bool {
	for _, p := range l.ServicePlans {
		if strings.HasPrefix(p.ServicePlanName, phonePlan) {
			return true
		}
	}
	return false
}

// AssignLicences gives the user licences directly, each without its disabled plans. Permission:
// LicenseAssignment.ReadWrite.All. Where no seat is left, or the user has no usageLocation, it is
// refused: permanent. Source: Microsoft Graph, user: assignLicense.
func (c *Client) AssignLicences(ctx context.Context, id string, licences []offboarding.Licence) error {
	give := call{doing: "giving licences to user", objects: []string{id}, path: "/users/{}/assignLicense", budget: budgetDirectory}
	type licence struct {
		SkuID         string   `json:"skuId"`
		DisabledPlans []string `json:"disabledPlans"`
	}
	add := []licence{}
	for _, l := range licences {
		if uuid.Validate(l.SKU) != nil {
			return offboarding.Permanent(fmt.Errorf("%s: %q is not a skuId", give.what(), l.SKU))
		}
		add = append(add, licence{l.SKU, append([]string{}, strings.Fields(l.DisabledPlans)...)})
	}
	give.body = map[string]any{"addLicenses": add, "removeLicenses": []string{}}
	_, err := c.write(ctx, give)
	return err
}
