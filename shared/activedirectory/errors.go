package activedirectory

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/offboarding"
)

// What Windows writes before the colon of its diagnostic message: a Win32 error in hexadecimal.
// Source: MS-ERREF 2.2; KB269190.
const (
	codePassword      = "0000052D" // ERROR_PASSWORD_RESTRICTION
	codeNotMember     = "00000561" // ERROR_MEMBER_NOT_IN_ALIAS
	codeAlreadyMember = "00000562" // ERROR_MEMBER_IN_ALIAS
)

// code is the Win32 error that an answer begins with, or nothing.
func code(err error) string {
	var answer *ldap.Error
	if !errors.As(err, &answer) || answer.Err == nil {
		return ""
	}
	text := answer.Err.Error()
	if len(text) < 9 || text[8] != ':' || strings.Trim(text[:8], "0123456789ABCDEFabcdef") != "" {
		return ""
	}
	return strings.ToUpper(text[:8])
}

// result is the result code of an answer, ldap.ErrorNetwork for a connection that broke.
func result(err error) uint16 {
	var answer *ldap.Error
	if errors.As(err, &answer) {
		return answer.ResultCode
	}
	return ldap.ErrorNetwork
}

// classify says of an answer whether it can change by itself: transient unless nothing but a
// person or another configuration can help. Its text is left out: it may name people.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	said := fmt.Sprintf("%s: the directory answered %d %s", doing, result(err), ldap.LDAPResultCodeMap[result(err)])
	if c := code(err); c != "" {
		said += " (" + c + ")"
	}
	switch result(err) {
	case ldap.LDAPResultNoSuchObject:
		return fmt.Errorf("%s: %w", said, offboarding.ErrNotFound)
	case ldap.LDAPResultInsufficientAccessRights:
		return offboarding.Permanent(fmt.Errorf("%s: the service account has no right to do this; `leaver up --only onpremises --check` says which it has", said))
	case ldap.LDAPResultInvalidCredentials:
		return offboarding.Permanent(fmt.Errorf("%s: the service account cannot sign in: look at its password, and whether it is disabled, locked or expired", said))
	case ldap.LDAPResultStrongAuthRequired, ldap.LDAPResultConfidentialityRequired:
		return offboarding.Permanent(fmt.Errorf("%s: the controller asks for TLS", said))
	case ldap.LDAPResultConstraintViolation, ldap.LDAPResultNoSuchAttribute, ldap.LDAPResultUndefinedAttributeType,
		ldap.LDAPResultInvalidAttributeSyntax, ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultNotAllowedOnNonLeaf, ldap.LDAPResultUnwillingToPerform:
		return offboarding.Permanent(errors.New(said))
	case ldap.ErrorNetwork:
		return fmt.Errorf("%s: the connection broke", doing)
	}
	return errors.New(said) // busy, unavailable, a time limit, a referral of a controller that cannot write
}
