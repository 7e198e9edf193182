package privileges

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// Undo implements worker.Undoer: directory roles, active and eligible, role-assignable groups and roles
// in applications are there again. It begins when a second person has approved that, and looks for the
// approval itself. Authentication methods are the person's to register anew.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	if n := len(job.Step.Kept(string(offboarding.GrantMethod) + " ")); n > 0 {
		job.Evidence["authenticationMethods"] = strconv.Itoa(n) + ", for the person to register anew"
	}
	grants := powers(job.Step)
	groups, owned := job.Step.Kept(string(offboarding.GrantMember)+" "), job.Step.Kept(string(offboarding.GrantOwner)+" ")
	if len(grants)+len(groups)+len(owned) == 0 {
		job.Evidence["privileges"] = "none was taken away"
		return nil
	}
	if !job.Case.Approved(offboarding.ApprovePrivileged, job.Step.Name) {
		return offboarding.Manual("nobody has approved that the leaver's roles come back: leaver approve " + job.Case.ID + " privileges")
	}
	err := s.departures.Exclusively(ctx, "privileges", func(ctx context.Context) error {
		return offboarding.Join(s.rejoin(ctx, job, groups), s.reown(ctx, job, owned), s.regive(ctx, job, grants))
	})
	if errors.Is(err, offboarding.ErrTaken) {
		return job.NotYet("the roles of somebody else are being changed")
	}
	if err == nil {
		job.Evidence["privileges"] = "as before the departure"
	}
	return err
}

// givenBack are the kinds of rights that can be.
var givenBack = []offboarding.GrantKind{offboarding.GrantRole, offboarding.GrantEligibleRole, offboarding.GrantAppRole}

// powers are the rights of the before that can be given back. The value of each is what it is of, its
// scope, and when an eligible one ends.
func powers(r *offboarding.Record) []offboarding.Grant {
	var out []offboarding.Grant
	for _, kind := range givenBack {
		for _, id := range r.Kept(string(kind) + " ") {
			value := r.Before[string(kind)+" "+id]
			g := offboarding.Grant{Kind: kind, ID: id, Of: value}
			if kind != offboarding.GrantAppRole {
				fields := append(strings.Fields(value), "", "", "")
				g.Of, g.Type, g.Until = fields[0], fields[1], fields[2]
			}
			out = append(out, g)
		}
	}
	return out
}

func (s *Step) rejoin(ctx context.Context, job *offboarding.Job, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, job, offboarding.Return[string]{
		What: "joining", Missing: "role-assignable groups that do not show the leaver: %d",
		Find: func(ctx context.Context) ([]string, error) {
			is, _ := s.directory.Powers(ctx, job.Leaver) // of what could not be read, this alone matters here
			return without(groups, is.Groups, is.Unread[offboarding.GrantMember])
		},
		Give: func(ctx context.Context, ids []string) []error { return s.directory.JoinGroups(ctx, job.Leaver, ids) },
		Refused: func(id string, _ error) string {
			return "put the person into the role-assignable group " + id + " (" + job.Case.Plan.Cloud().Group(id) + ")"
		},
	})
}

func (s *Step) reown(ctx context.Context, job *offboarding.Job, owned []string) error {
	if len(owned) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, job, offboarding.Return[string]{
		What: "the ownership", Missing: "role-assignable groups that do not show their owner: %d",
		Find: func(ctx context.Context) ([]string, error) {
			is, _ := s.directory.Powers(ctx, job.Leaver)
			return without(owned, is.Owned, is.Unread[offboarding.GrantOwner])
		},
		Give: func(ctx context.Context, ids []string) []error { return s.directory.OwnGroups(ctx, job.Leaver, ids) },
		Refused: func(id string, _ error) string {
			return "make the person an owner of the role-assignable group " + id + " (" + job.Case.Plan.Cloud().Owners(id) + ")"
		},
	})
}

// without are the ids that none of the groups has, where those could be read.
func without(ids []string, groups []offboarding.Group, unread error) ([]string, error) {
	if unread != nil {
		return nil, unread
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(groups, func(g offboarding.Group) bool { return g.ID == id })
	}), nil
}

func (s *Step) regive(ctx context.Context, job *offboarding.Job, grants []offboarding.Grant) error {
	if len(grants) == 0 {
		return nil
	}
	return offboarding.EnsureBack(ctx, job, offboarding.Return[offboarding.Grant]{
		What: "giving back", Missing: "roles that do not show yet: %d",
		Find: func(ctx context.Context) ([]offboarding.Grant, error) {
			is, _ := s.directory.Powers(ctx, job.Leaver)
			var missing []offboarding.Grant
			var unread []error
			for _, kind := range givenBack {
				theirs := slices.DeleteFunc(slices.Clone(grants), func(g offboarding.Grant) bool { return g.Kind != kind })
				switch err := is.Unread[kind]; {
				case len(theirs) == 0:
				case err != nil:
					unread = append(unread, err)
				default:
					missing = append(missing, slices.DeleteFunc(theirs, func(g offboarding.Grant) bool {
						return slices.ContainsFunc(is.Grants, func(h offboarding.Grant) bool {
							return h.Kind == kind && h.Of == g.Of && (kind == offboarding.GrantAppRole || h.Type == g.Type)
						})
					})...)
				}
			}
			return missing, offboarding.Join(unread...)
		},
		Give: func(ctx context.Context, all []offboarding.Grant) []error {
			return s.directory.Give(ctx, job.Leaver, all)
		},
		Refused: func(g offboarding.Grant, err error) string {
			portal := job.Case.Plan.Cloud().Portal
			if _, app, is := strings.Cut(g.Of, " of "); is {
				return fmt.Sprintf("give the %s %s back (%s): %s, Users and groups", g.Kind, g.Of, err, portal.EnterpriseApp(app, ""))
			}
			return fmt.Sprintf("give the %s %s back (%s): %s", g.Kind, g.Of, err, portal.Roles(job.Leaver))
		},
	})
}
