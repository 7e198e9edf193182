package exchange

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"leaver/shared/offboarding"
)

// cause is what is likely behind a refusal; empty where nothing is known. What to type once it is
// mended, the worker says.
// Sources: Exchange Online PowerShell, App-only authentication; Exchange hybrid, Recipients mastered
// on premises; Restricted management administrative units.
func (p *problem) cause() string {
	switch {
	case p.status == http.StatusForbidden, p.status == http.StatusUnauthorized:
		return "likely this function's application lacks Exchange.ManageAsApp or the role Exchange Recipient Administrator (leaver doctor says which), or the role was given less than an hour ago"
	case p.exception == "TaskInvalidOperationException":
		return "likely it is mastered in an on-premises Active Directory: change it there"
	case p.exception == "RecipientTaskException":
		return "Exchange does not take this for this kind of recipient, or its licence lacks the feature: look at it"
	}
	return ""
}

// explain is what an error means for a later try, with what was being done; see [classify]. It adds how a person
// looks at the object that it is about, where there is one, because what passes may also last, also where nothing was
// answered (Exchange's own portal finds nothing by an id, its shell does), and to a refusal what is likely behind it.
func explain(doing, cmdlet, object string, err error) error {
	var no refused
	never := errors.As(err, &no) // sent
	err = classify(doing, err)
	if never || errors.Is(err, offboarding.ErrNotFound) {
		return err
	}
	look := ""
	if object != "" && !strings.ContainsAny(object, `@\ *`) {
		shows := "Get-Recipient"
		if strings.HasSuffix(cmdlet, "-MobileDevice") {
			shows = "Get-MobileDevice"
		}
		look = fmt.Sprintf("; %s %s shows it", shows, object)
	}
	if !offboarding.IsPermanent(err) {
		return fmt.Errorf("%w%s", err, look)
	}
	var p *problem
	if !errors.As(err, &p) {
		return err
	}
	if cause := p.cause(); cause != "" {
		return offboarding.Permanent(fmt.Errorf("%w; %s%s", err, cause, look))
	}
	return offboarding.Permanent(fmt.Errorf("%w%s", err, look))
}
