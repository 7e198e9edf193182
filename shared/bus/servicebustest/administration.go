package servicebustest

import (
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"
)

// The management endpoint answers over HTTPS at the address of the namespace. It knows one request: the
// rules of a subscription, to whoever may manage it.
// Source: Azure Service Bus, REST API, List Rules.

const (
	schemaInstance = "http://www.w3.org/2001/XMLSchema-instance"
	schemaBus      = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"
)

// feed is a list as Atom has it.
type feed struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	Title   string   `xml:"title"`
	Entries []item   `xml:"entry"`
}

type item struct {
	Title   string  `xml:"title"`
	Content content `xml:"content"`
}

type content struct {
	Type string          `xml:"type,attr"`
	Rule ruleDescription `xml:"RuleDescription"`
}

type ruleDescription struct {
	Schema   string `xml:"xmlns,attr"`
	Instance string `xml:"xmlns:i,attr"`
	Filter   struct {
		Type  string `xml:"i:type,attr"`
		To    string `xml:"To,omitempty"`
		Label string `xml:"Label,omitempty"`
		SQL   string `xml:"SqlExpression,omitempty"`
	} `xml:"Filter"`
	Action struct {
		Type string `xml:"i:type,attr"`
	} `xml:"Action"`
	Name string `xml:"Name"`
}

// administer answers one request over HTTPS.
func (c *connection) administer() error {
	r, err := http.ReadRequest(c.reader)
	if err != nil {
		return err
	}
	status, body := c.peer.rulesOf(r)
	answer := &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: r, Close: true, ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/atom+xml;type=feed;charset=utf-8"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
	return answer.Write(c.net)
}

func (p *Peer) rulesOf(r *http.Request) (status int, body string) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	name, expires, err := p.verifyJWT(token)
	identity := p.identityOf(name)
	if err != nil || identity == nil || expires.Before(time.Now()) {
		return http.StatusUnauthorized, "<Error><Code>401</Code><Detail>InvalidSignature</Detail></Error>"
	}
	path, lists := strings.CutSuffix(strings.Trim(r.URL.Path, "/"), "/Rules")
	if !lists || r.Method != http.MethodGet {
		return http.StatusNotImplemented, "<Error><Code>501</Code><Detail>not implemented</Detail></Error>"
	}
	may := false
	for _, right := range p.rightsOf(identity) {
		may = may || right.Manage && right.covers(path)
	}
	if !may {
		return http.StatusUnauthorized, "<Error><Code>401</Code><Detail>Manage,EntityRead claims required for this operation.</Detail></Error>"
	}
	rules, known := p.broker.rulesOf(path)
	if !known {
		return http.StatusNotFound, "<Error><Code>404</Code><Detail>The messaging entity could not be found.</Detail></Error>"
	}
	if skip := r.URL.Query().Get("$skip"); skip != "" && skip != "0" {
		rules = nil // all were on the first page
	}
	text, err := xml.Marshal(feedOf(rules))
	if err != nil {
		panic("servicebustest: rules cannot be written: " + err.Error())
	}
	return http.StatusOK, string(text)
}

// feedOf lists rules. A rule without a field takes everything, as the one does that Azure makes by itself.
func feedOf(rules []Rule) feed {
	f := feed{Title: "Rules"}
	for _, rule := range rules {
		d := ruleDescription{Schema: schemaBus, Instance: schemaInstance, Name: rule.Label + rule.To}
		d.Action.Type, d.Filter.Type = "EmptyRuleAction", "CorrelationFilter"
		d.Filter.To, d.Filter.Label = rule.To, rule.Label
		if rule == (Rule{}) {
			d.Name, d.Filter.Type, d.Filter.SQL = "$Default", "TrueFilter", "1=1"
		}
		f.Entries = append(f.Entries, item{Title: d.Name, Content: content{Type: "application/xml", Rule: d}})
	}
	return f
}

// rulesOf are the rules of a subscription; false when there is none of that path.
func (b *broker) rulesOf(path string) ([]Rule, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q, known := b.queues[strings.ToLower(path)]
	if !known {
		return nil, false
	}
	if q.rules == nil {
		return []Rule{{}}, true
	}
	return q.rules, true
}
