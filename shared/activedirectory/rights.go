package activedirectory

import "fmt"

// The access control entries that the service account needs, in SDDL with SID in the place of its
// identifier, by the container on which each is set. Without the ones of the move nothing can be
// moved; the right to move people away (DC) is the right to delete them.
// Sources: MS-ADTS 5.1.3; Active Directory schema, the GUIDs of rights, attributes and classes.
var (
	RightsOnPeople = []string{
		"(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", // reset the password
		"(OA;CIIO;WP;bf967a68-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", // userAccountControl
		"(OA;CIIO;WP;bf967950-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", // description
		"(OA;CIIO;WP;bf967a0e-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", // move: name
		"(OA;CIIO;WP;bf96793f-0de6-11d0-a285-00aa003049e2;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", // move: cn
		"(OA;CI;DC;bf967aba-0de6-11d0-a285-00aa003049e2;;SID)",                                       // move: leave, which is also to delete
	}
	RightsOnGroups = []string{
		"(OA;CIIO;WP;bf9679c0-0de6-11d0-a285-00aa003049e2;bf967a9c-0de6-11d0-a285-00aa003049e2;SID)", // member
	}
	RightsOnTarget = []string{
		"(OA;CI;CC;bf967aba-0de6-11d0-a285-00aa003049e2;;SID)", // move: arrive
	}
)

// RightToHide is the entry, on the people, for msExchHideFromAddressLists. Its schemaIDGUID is read
// in the forest's own schema, which Exchange has extended.
func RightToHide(schemaIDGUID string) string {
	return fmt.Sprintf("(OA;CIIO;WP;%s;bf967aba-0de6-11d0-a285-00aa003049e2;SID)", schemaIDGUID)
}
