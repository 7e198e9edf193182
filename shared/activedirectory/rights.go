package activedirectory

import "fmt"

// The access control entries that the service account needs, in SDDL with SID in the place of its
// identifier.
// Sources: MS-ADTS 5.1.3; Active Directory schema, the GUIDs of rights, attributes and classes.
const (
	RightToReset    = "(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;SID)"
	RightToDisable  = "(OA;CIIO;WP;bf967a68-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)" // userAccountControl
	RightToDescribe = "(OA;CIIO;WP;bf967950-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)"
	RightToUngroup  = "(OA;CIIO;WP;bf9679c0-0de6-11d0-a285-00aa003049e2;bf967a9c-0de6-11d0-a285-00aa003049e2;SID)" // member
	RightToRename   = "(OA;CIIO;WP;bf967a0e-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)" // name; a move needs both
	RightToRecall   = "(OA;CIIO;WP;bf96793f-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)" // cn
	// RightToRemove is to delete people, and the part of a move that takes them out of a container.
	RightToRemove = "(OA;CI;DC;bf967aba-0de6-11d0-a285-00aa003049e2;;SID)"
	// RightToArrive is on the container that accounts are moved to.
	RightToArrive = "(OA;CI;CC;bf967aba-0de6-11d0-a285-00aa003049e2;;SID)"
)

// The entries by the container on which each is set. Without those of the move nothing is moved.
var (
	RightsOnPeople = []string{RightToReset, RightToDisable, RightToDescribe, RightToRename, RightToRecall, RightToRemove}
	RightsOnGroups = []string{RightToUngroup}
	RightsOnTarget = []string{RightToArrive}
)

// RightToHide is the entry, on the people, for msExchHideFromAddressLists. Its schemaIDGUID is read
// in the forest's own schema, which Exchange has extended.
func RightToHide(schemaIDGUID string) string {
	return fmt.Sprintf("(OA;CIIO;WP;%s;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", schemaIDGUID)
}
