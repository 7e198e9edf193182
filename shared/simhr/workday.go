package simhr

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// workday sends nothing. It is asked with Get_Workers, in pages of thirty.
var workday = vendor{
	name: "workday", date: "Termination_Last_Day_of_Work", hides: "Worker_Status_Data", polled: true,
	serve: func(s *System, mux *http.ServeMux) {
		mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
			text, err := io.ReadAll(r.Body)
			var asked struct {
				User     string `xml:"Header>Security>UsernameToken>Username"`
				Password string `xml:"Header>Security>UsernameToken>Password"`
				Request  struct {
					Worker  string `xml:"Request_References>Worker_Reference>ID"`
					Through string `xml:"Request_Criteria>Transaction_Log_Criteria_Data>Transaction_Date_Range_Data>Effective_Through"`
					Entered string `xml:"Request_Criteria>Transaction_Log_Criteria_Data>Transaction_Date_Range_Data>Updated_From"`
					Page    int    `xml:"Response_Filter>Page"`
				} `xml:"Body>Get_Workers_Request"`
			}
			if err != nil || xml.Unmarshal(text, &asked) != nil || asked.Request.Page < 1 {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			if asked.User != s.User || asked.Password != s.Credential {
				w.Header().Set("Content-Type", "text/xml")
				w.WriteHeader(http.StatusInternalServerError) // of every fault, whosever it is
				_, _ = io.WriteString(w, `<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>SOAP-ENV:Client.authenticationError</faultcode><faultstring>invalid username or password</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>`)
				return
			}
			var shown []Person
			for _, p := range s.all() {
				through, err := time.Parse(time.RFC3339, asked.Request.Through)
				effective := err == nil && !p.LastDay.IsZero() && p.LastDay.String() <= through.Format(time.DateOnly)
				if asked.Request.Worker == p.ID || asked.Request.Worker == "" && (asked.Request.Entered != "" || effective) {
					shown = append(shown, p)
				}
			}
			const count = 30
			pages := (len(shown) + count - 1) / count
			from := min((asked.Request.Page-1)*count, len(shown))
			var b strings.Builder
			for _, p := range shown[from:min(from+count, len(shown))] {
				b.WriteString(s.worker(p))
			}
			w.Header().Set("Content-Type", "text/xml")
			_, _ = fmt.Fprintf(w, `<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body><wd:Get_Workers_Response xmlns:wd="urn:com.workday/bsvc"><wd:Response_Results><wd:Total_Results>%d</wd:Total_Results><wd:Total_Pages>%d</wd:Total_Pages><wd:Page>%d</wd:Page></wd:Response_Results><wd:Response_Data>%s</wd:Response_Data></wd:Get_Workers_Response></env:Body></env:Envelope>`,
				len(shown), pages, asked.Request.Page, b.String())
		})
	},
}

// worker is one as Get_Workers has it. The field that the integration user may not see is missing.
func (s *System) worker(p Person) string {
	day := func(name string, d offboarding.Date) string {
		if d.IsZero() || s.Without == name {
			return ""
		}
		return fmt.Sprintf("<wd:%s>%s-08:00</wd:%s>", name, d, name)
	}
	end := p.EndOfEmployment
	if end.IsZero() {
		end = p.LastDay
	}
	active := p.LastDay.IsZero() || p.LastDay.String() >= s.Now().UTC().Format(time.DateOnly)
	status := fmt.Sprintf("<wd:Employment_Data><wd:Worker_Status_Data><wd:Active>%t</wd:Active>%s%s</wd:Worker_Status_Data></wd:Employment_Data>",
		active, day("Termination_Date", end), day("Termination_Last_Day_of_Work", p.LastDay))
	if s.Without == "Worker_Status_Data" {
		status = ""
	}
	return fmt.Sprintf(`<wd:Worker><wd:Worker_Reference><wd:ID wd:type="WID">%s</wd:ID><wd:ID wd:type="Employee_ID">%s</wd:ID></wd:Worker_Reference><wd:Worker_Data><wd:Worker_ID>%s</wd:Worker_ID>`+
		`<wd:Personal_Data><wd:National_ID>%s</wd:National_ID><wd:Contact_Data><wd:Email_Address_Data><wd:Email_Address>%s</wd:Email_Address><wd:Usage_Data><wd:Type_Data><wd:Type_Reference><wd:ID wd:type="Communication_Usage_Type_ID">HOME</wd:ID></wd:Type_Reference></wd:Type_Data></wd:Usage_Data></wd:Email_Address_Data>`+
		`<wd:Email_Address_Data><wd:Email_Address>%s</wd:Email_Address><wd:Usage_Data><wd:Type_Data><wd:Type_Reference><wd:ID wd:type="Communication_Usage_Type_ID">WORK</wd:ID></wd:Type_Reference></wd:Type_Data></wd:Usage_Data></wd:Email_Address_Data></wd:Contact_Data></wd:Personal_Data>%s</wd:Worker_Data></wd:Worker>`,
		p.ID, p.Number, p.Number, Canary, p.Private, p.Mail, status)
}
