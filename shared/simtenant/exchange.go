package simtenant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Exception types Exchange names in its errors.
const (
	notFoundException  = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
	bindingException   = "System.Management.Automation.ParameterBindingException"
	taskException      = "Microsoft.Exchange.Configuration.Tasks.TaskException"
	recipientException = "Microsoft.Exchange.Management.Tasks.RecipientTaskException"
	managerException   = "Microsoft.Exchange.Configuration.Tasks.OperationRequiresGroupManagerException"
	scopeException     = "Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException"
)

// failure is a cmdlet's refusal.
type failure struct {
	status    int
	code      string // NotFound, BadRequest, Unauthorized
	id        string // "Ex6F9304"
	exception string
	text      string
}

func (f *failure) reply(c *invocation) reply {
	message := f.id + "|" + f.exception + "|" + f.text
	return reply{
		status: f.status,
		header: map[string]string{"x-ExceptionType": f.exception, "x-ExceptionTargetType": "Exchange", "Cmdlet-Name": c.cmdlet, "X-CalculatedBETarget": backEnd},
		body: map[string]any{"error": map[string]any{
			"code": f.code, "message": "Error executing cmdlet",
			"details": []any{map[string]any{"code": "Context", "target": "", "message": message}},
			"innererror": map[string]any{
				"message": "Error executing cmdlet", "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException", "stacktrace": "   at Simulated.Tenant()",
				"internalexception": map[string]any{"message": f.text, "type": f.exception, "stacktrace": ""},
			},
		}},
	}
}

const backEnd = "AM0PR01A001.EURPR01A001.PROD.OUTLOOK.COM"

func noObject(identity string) *failure {
	return &failure{http.StatusNotFound, "NotFound", "Ex6F9304", notFoundException,
		fmt.Sprintf("The operation couldn't be performed because object '%s' couldn't be found on '%s'.", identity, backEnd)}
}

func badParameter(name string) *failure {
	return &failure{http.StatusBadRequest, "BadRequest", "ExB7C2A1", bindingException, fmt.Sprintf("A parameter cannot be found that matches parameter name '%s'.", name)}
}

func badValue(name string, value any) *failure {
	return &failure{http.StatusBadRequest, "BadRequest", "ExC9D0F2", "System.Management.Automation.ParameterBindingArgumentTransformationException",
		fmt.Sprintf("Cannot process argument transformation on parameter '%s'. Cannot convert value \"%v\".", name, value)}
}

func refused(exception, format string, args ...any) *failure {
	return &failure{http.StatusBadRequest, "BadRequest", "Ex4A1E77", exception, fmt.Sprintf(format, args...)}
}

// unauthorized is Exchange's 401 for a caller whose role does not hold the cmdlet.
func unauthorized(text string) reply { return bare(http.StatusUnauthorized, text) }

// bare is an error of Exchange that no cmdlet made: it has a code, and neither details nor an exception.
func bare(status int, text string) reply {
	return reply{status: status, header: map[string]string{}, body: map[string]any{"error": map[string]any{
		"code": exchangeCode(status), "message": text,
		"innererror": map[string]any{"message": text, "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException", "stacktrace": ""},
	}}}
}

// exchangeCode is the code that Exchange pairs with a status.
func exchangeCode(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

// invocation is one run of a cmdlet.
type invocation struct {
	t *Tenant
	caller
	cmdlet   string
	args     map[string]any // by parameter name as the cmdlet spells it
	now      time.Time
	warnings []string
}

// object is one result of a cmdlet.
type object = map[string]any

// exchange serves /adminapi/beta/{tenant}/InvokeCommand.
func (t *Tenant) exchange(r *http.Request, raw []byte, requestID string) (decision, caller) {
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(segments) != 4 || segments[1] != "beta" || segments[3] != "InvokeCommand" || r.Method != http.MethodPost {
		text := t.notSimulated("%s %s", r.Method, r.URL.Path)
		return decision{reply: reply{status: http.StatusNotImplemented, body: envelope(r, requestID, t.clock(), "NotImplemented", text)}}, caller{}
	}
	who, refusal := t.authenticate(r, exchangeAudience)
	if refusal != "" {
		t.counts["401"]++
		d := decision{reply: unauthorized(refusal)}
		d.header = map[string]string{"WWW-Authenticate": `Bearer realm="", error="invalid_token", error_description="` + refusal + `"`}
		return d, caller{}
	}
	c := &invocation{t: t, caller: who, now: t.clock()}
	var body struct {
		CmdletInput struct {
			CmdletName string
			Parameters map[string]any
		}
	}
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if err := dec.Decode(&body); err != nil || body.CmdletInput.CmdletName == "" {
		f := refused(taskException, "The request body holds no CmdletInput with a CmdletName.")
		return decision{reply: f.reply(c)}, who
	}
	c.cmdlet = body.CmdletInput.CmdletName
	t.counts[c.cmdlet]++
	identity, _ := str(body.CmdletInput.Parameters, "Identity")
	box, _ := str(body.CmdletInput.Parameters, "Mailbox")
	f := t.faultOf(c.cmdlet, body.CmdletInput.Parameters, identity, box, t.phoneOwner(identity))
	d := decision{reset: f.Reset, delay: f.Delay}
	switch {
	case f.hides() && !f.After:
		d.reply = c.faulty(f, r)
	case segments[2] != t.world.TenantID:
		d.reply = unauthorized("The tenant " + segments[2] + " is not the token's.")
	default:
		d.reply = f.circled(c.answer(body.CmdletInput.Parameters, r), absolute(r).String())
		t.refresh()
		if f.hides() {
			d.reply = c.faulty(f, r)
		}
	}
	return d, who
}

func (t *Tenant) phoneOwner(identity string) string {
	if p := t.world.phone(identity); p != nil {
		return p.Mailbox
	}
	return ""
}

// faulty is the answer of a fault. With no code it is what Exchange answers with that status: a refusal for
// want of a role, as a 429, names no exception, which alone would say that it passes.
// Sources: microsoft/Microsoft365DSC issue 2998; Exchange Online Management module.
func (c *invocation) faulty(f outcome, r *http.Request) reply {
	if f.Status == http.StatusTemporaryRedirect || f.Status == http.StatusFound {
		u := absolute(r)
		q := u.Query()
		q.Set("region", "EUR")
		u.RawQuery = q.Encode()
		return reply{status: f.Status, header: map[string]string{"Location": u.String()}}
	}
	exception := f.Code
	switch {
	case exception != "":
	case f.Status >= http.StatusInternalServerError:
		exception = "Microsoft.Exchange.Data.Storage.StorageTransientException"
	case f.Status == http.StatusNotFound:
		exception = notFoundException
	case f.Status == http.StatusBadRequest:
		exception = taskException
	}
	answer := bare(f.Status, orElse(f.Message, "User is not allowed to call "+c.cmdlet))
	if f.Parameter != "" {
		return badParameter(f.Parameter).reply(c)
	}
	if exception != "" {
		answer = (&failure{f.Status, exchangeCode(f.Status), "ExFA0170", exception, orElse(f.Message, "The simulated tenant was told to answer so.")}).reply(c)
	}
	if f.Page {
		answer = gatewayPage(f.Status)
	}
	for k, v := range retryAfter(f, c.now) {
		answer.header[k] = v
	}
	return answer
}

// answer checks who calls and with what, runs the cmdlet, and cuts its results into pages.
func (c *invocation) answer(given map[string]any, r *http.Request) reply {
	def, known := cmdlets[c.cmdlet]
	role := c.role()
	only, grouped := c.cmdletOfGroup()
	switch {
	case !slices.Contains(c.roles, exchangeRole) || role == "":
		return unauthorized("The role assigned to application " + c.app.ClientID + " isn't supported in this scenario. Please check online documentation for assigning correct Directory Roles to Azure AD Application for EXO App-Only Authentication.")
	case !known:
		text := c.t.notSimulated("the cmdlet %s", c.cmdlet)
		f := &failure{http.StatusBadRequest, "BadRequest", "ExD0D0D0", "System.Management.Automation.CommandNotFoundException",
			fmt.Sprintf("The term '%s' is not recognized as the name of a cmdlet, function, script file, or operable program. (%s)", c.cmdlet, text)}
		return f.reply(c)
	case role == ownGroup && !grouped:
		return unauthorized("User is not allowed to call " + c.cmdlet)
	case role == "Global Reader" && !strings.HasPrefix(c.cmdlet, "Get-"):
		return unauthorized("User is not allowed to call " + c.cmdlet)
	}
	c.args = map[string]any{}
	for name, v := range given {
		if slices.Contains(commonParameters, name) {
			continue
		}
		i := slices.IndexFunc(def.parameters, func(p string) bool { return strings.EqualFold(p, name) })
		if i < 0 {
			c.t.notSimulated("the parameter %s of %s", name, c.cmdlet)
			return badParameter(name).reply(c)
		}
		if role == "Exchange Recipient Administrator" && (strings.HasPrefix(name, "LitigationHold") || strings.HasPrefix(name, "Retention")) {
			return badParameter(name).reply(c) // the role lacks the parameter, which looks as if there were none
		}
		if len(only) > 0 && !slices.Contains(only, def.parameters[i]) && def.parameters[i] != "Identity" {
			return badParameter(name).reply(c) // likewise
		}
		c.args[def.parameters[i]] = v
	}
	results, failed := def.run(c)
	if failed != nil {
		return failed.reply(c)
	}
	return c.pages(results, r)
}

// ownGroup is the role of an app that is in a role group of its own.
const ownGroup = "its own role group"

// cmdletOfGroup is which parameters the app's own role group leaves of the cmdlet, none for all; false
// when the group does not hold it.
func (c *invocation) cmdletOfGroup() (parameters []string, held bool) {
	for _, entry := range c.app.Cmdlets {
		if words := strings.Fields(entry); words[0] == c.cmdlet {
			return words[1:], true
		}
	}
	return nil, false
}

// role is the app's role in Exchange; Entra's Exchange Administrator and Global Administrator count
// as well.
func (c *invocation) role() string {
	for _, r := range []string{"Global Administrator", "Exchange Administrator", "Exchange Recipient Administrator", "Global Reader"} {
		if c.app.ExchangeRole == r || slices.Contains(c.app.DirectoryRoles, r) {
			return r
		}
	}
	if c.app.ExchangeRole == "" && len(c.app.Cmdlets) > 0 {
		return ownGroup
	}
	return c.app.ExchangeRole
}

func (c *invocation) pages(results []object, r *http.Request) reply {
	query := r.URL.Query()
	for option := range query {
		if !slices.Contains([]string{"$select", "$skiptoken", "region"}, option) {
			return refused(taskException, "%s", c.t.notSimulated("the query option %s of %s", option, c.cmdlet)).reply(c)
		}
	}
	from := 0
	if text := query.Get("$skiptoken"); text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err == nil {
			from, err = strconv.Atoi(string(raw))
		}
		if err != nil || from < 0 || from > len(results) {
			return refused(taskException, "The skip token is not valid.").reply(c)
		}
	}
	size := 1000
	for _, prefer := range r.Header.Values("Prefer") {
		if n, ok := strings.CutPrefix(prefer, "odata.maxpagesize="); ok {
			if v, err := strconv.Atoi(n); err == nil && v > 0 {
				size = min(v, 1000)
			}
		}
	}
	body := map[string]any{"@odata.context": fmt.Sprintf("https://%s/adminapi/beta/%s/$metadata#Collection(Exchange.PSObject)", r.Host, c.t.world.TenantID)}
	if len(c.warnings) > 0 {
		body["adminapi.warnings@odata.type"], body["@adminapi.warnings"] = "#Collection(String)", c.warnings
	}
	results = results[from:]
	if len(results) > size {
		results = results[:size]
		next := absolute(r)
		q := url.Values{"$skiptoken": {base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(from + size)))}}
		if s := query.Get("$select"); s != "" {
			q.Set("$select", s)
		}
		body["@odata.nextLink"] = linked(next, q)
	}
	value := make([]any, 0, len(results))
	for _, o := range results {
		if names := query.Get("$select"); names != "" {
			cut := object{}
			for n := range strings.SplitSeq(names, ",") {
				if v, ok := o[strings.TrimSpace(n)]; ok {
					cut[strings.TrimSpace(n)] = v
				}
			}
			o = cut
		}
		value = append(value, o)
	}
	body["value"] = value
	return reply{status: http.StatusOK, header: map[string]string{"Cmdlet-Name": c.cmdlet, "X-CalculatedBETarget": backEnd}, body: body}
}

// mailbox finds a mailbox by the identities Exchange takes: object id, ExchangeGuid, alias, address
// or UPN of the owner.
func (w *World) mailbox(identity string) *Mailbox {
	lower := strings.ToLower(identity)
	if m := w.Mailboxes[lower]; m != nil {
		return m
	}
	return w.Mailboxes[w.one(kindMailbox, "identity:"+lower)]
}

// phone finds a partnership by Identity, GUID or device id.
func (w *World) phone(identity string) *Phone {
	return w.Phones[w.one(kindPhone, key("identity:", identity))]
}

// The readers of parameters. Each answers whether the parameter was given; null counts as given and
// empty.

func (c *invocation) text(name string) (string, bool, *failure) {
	v, given := c.args[name]
	switch v := v.(type) {
	case nil:
		return "", given, nil
	case string:
		return v, true, nil
	case json.Number:
		return v.String(), true, nil
	}
	return "", true, badValue(name, v)
}

func (c *invocation) truth(name string) (bool, bool, *failure) {
	v, given := c.args[name]
	if !given {
		return false, false, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, true, badValue(name, v)
	}
	return b, true, nil
}

// edited applies a multi-valued parameter to a list: a string or an array replaces it, a
// GenericHashTable adds and removes, null empties it.
func (c *invocation) edited(name string, list []string) ([]string, *failure) {
	several := func(v any) ([]string, bool) {
		switch v := v.(type) {
		case nil:
			return nil, true
		case string:
			return []string{v}, true
		}
		s, err := asStrings(v)
		return s, err == nil
	}
	v := c.args[name]
	m, isTable := v.(map[string]any)
	if !isTable {
		s, ok := several(v)
		if !ok {
			return nil, badValue(name, v)
		}
		return s, nil
	}
	out := slices.Clone(list)
	for key, x := range m {
		s, ok := several(x)
		switch {
		case key == "@odata.type":
		case !ok:
			return nil, badValue(name, x)
		case strings.EqualFold(key, "add"):
			for _, e := range s {
				if !slices.Contains(out, e) {
					out = append(out, e)
				}
			}
		case strings.EqualFold(key, "remove"):
			out = slices.DeleteFunc(out, func(e string) bool { return slices.Contains(s, e) })
		default:
			return nil, badValue(name, key)
		}
	}
	return out, nil
}
