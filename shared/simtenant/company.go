package simtenant

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the groups of the invented company.
const (
	GroupEverybody       = "All Staff"               // security; holds the department groups, so membership is transitive
	GroupMarketing       = "Marketing"               // Microsoft 365 group, within All Staff
	GroupProject         = "Project Falcon"          // Microsoft 365 group with one owner
	GroupNews            = "News List"               // distribution list: Graph refuses to change its members
	GroupMailSecurity    = "Finance Approvers"       // mail-enabled security group: likewise
	GroupTierZero        = "Tier Zero Operators"     // role-assignable, holds User Administrator
	GroupLicenceEMS      = "Licences EMS"            // gives EMS to its members
	GroupLicenceE3       = "Licences Office E3"      // gives ENTERPRISEPACK to its members
	GroupLicenceDynamic  = "Licences Engineering"    // dynamic, gives ENTERPRISEPACK
	GroupLicenceOnPrem   = "Licences On Premises"    // synced from on premises, gives ENTERPRISEPACK
	GroupOnPremFileShare = "File Share Old Building" // synced from on premises, no licence
)

// SKU part numbers of the invented company, with Microsoft's public sku ids.
const (
	SKUOfficeE3   = "ENTERPRISEPACK"    // 6fd2c87f-b296-42f0-b197-1e91e994b900, Exchange plan 2
	SKUOfficeE5   = "ENTERPRISEPREMIUM" // c7df2760-2c81-4ef7-b578-5b5392b571df, Exchange plan 2
	SKUM365E3     = "SPE_E3"            // 05e9a617-0261-4cee-bb44-138d3ef5d965, Exchange plan 2 and Intune
	SKUEMS        = "EMS"               // efccb6f7-5641-4e0e-bd10-b4976e1bf68e, Intune, no mailbox
	SKUExchangeP1 = "EXCHANGESTANDARD"  // 4b9405b0-7788-4568-add1-99614e613b69, Exchange plan 1: no litigation hold
	SKUPowerBI    = "POWER_BI_STANDARD" // a403ebcc-fae0-4ca2-8c8c-7a907fd6c235, free, no mailbox
	skuOfficeE3ID = "6fd2c87f-b296-42f0-b197-1e91e994b900"
	gib           = int64(1) << 30
)

func publicSKUs(people int) []SeedSKU {
	plan := map[string]SeedPlan{}
	for _, p := range []SeedPlan{
		{ID: "efb87545-963c-4e0d-99df-69c6916d9eb0", Name: "EXCHANGE_S_ENTERPRISE"},
		{ID: "9aaf7827-d63c-4b61-89c3-182f06f82e5c", Name: "EXCHANGE_S_STANDARD"},
		{ID: "5dbe027f-2339-4123-9542-606e4d348a72", Name: "SHAREPOINTENTERPRISE"},
		{ID: "57ff2da0-773e-42df-b2af-ffb7a2317929", Name: "TEAMS1"},
		{ID: "4828c8ec-dc2e-4779-b502-87ac9ce28ab7", Name: "MCOEV"},
		{ID: "43de0ff5-c92c-492b-9116-175376d08c38", Name: "OFFICESUBSCRIPTION"},
		{ID: "c1ec4a95-1f05-45b3-a911-aa3fa01094f5", Name: "INTUNE_A"},
		{ID: "41781fb2-bc02-4b7c-bd55-b576c07bb09d", Name: "AAD_PREMIUM"},
		{ID: "2049e525-b859-401b-b2a0-e0a31c4b1fe4", Name: "BI_AZURE_P0"},
	} {
		plan[p.Name] = p
	}
	sku := func(id, part string, seats int, plans ...string) SeedSKU {
		s := SeedSKU{ID: id, PartNumber: part, Seats: seats}
		for _, p := range plans {
			s.Plans = append(s.Plans, plan[p])
		}
		return s
	}
	office := []string{"EXCHANGE_S_ENTERPRISE", "SHAREPOINTENTERPRISE", "TEAMS1", "OFFICESUBSCRIPTION"}
	return []SeedSKU{
		sku(skuOfficeE3ID, SKUOfficeE3, people+10, office...),
		sku("c7df2760-2c81-4ef7-b578-5b5392b571df", SKUOfficeE5, people/4+10, append(slices.Clone(office), "MCOEV")...),
		sku("05e9a617-0261-4cee-bb44-138d3ef5d965", SKUM365E3, people/4+10, append(slices.Clone(office), "INTUNE_A", "AAD_PREMIUM")...),
		sku("efccb6f7-5641-4e0e-bd10-b4976e1bf68e", SKUEMS, people+10, "INTUNE_A", "AAD_PREMIUM"),
		sku("4b9405b0-7788-4568-add1-99614e613b69", SKUExchangeP1, 25, "EXCHANGE_S_STANDARD"),
		sku("a403ebcc-fae0-4ca2-8c8c-7a907fd6c235", SKUPowerBI, 1000000, "BI_AZURE_P0"),
	}
}

// wellKnown are the people every invented company has, whatever its size. Their object ids are
// UserID(upn).
//
//	adele.vance        cloud only; EMPTY mailbox and EMPTY drive; E3 direct, EMS through a licence group; 2 Entra devices; employeeId E0001; manager alex.wilber
//	alex.wilber        Marketing manager, takes over from others; never leaves in a demo; may open reception; E5
//	grady.archie       full drive with 3 sharing links, empty mailbox; E3 direct
//	lidia.holloway     full mailbox, empty drive; E3 direct
//	patti.fernandez    full mailbox and drive; Intune: company laptop and personal phone with 2 protected apps; Exchange: phone; E5 direct
//	megan.bowen        synced from on premises (also in a synced group); E3 direct
//	nestor.wilke       Global Administrator; E5
//	isaiah.langer      E3 only through the dynamic group
//	diego.siciliani    E3 only through the group synced from on premises
//	lynne.robbins      her mail is also johanna's: a look-up by mail finds two; small drive with 2 sharing links; manager patti.fernandez
//	johanna.lorenz     no mailbox (Power BI only), mail = lynne.robbins@contoso.com
//	pradeep.gupta      no licence, no mailbox, no drive
//	henrietta.mueller_fabrikam.com#EXT#   guest
//	miriam.graham      Helpdesk Administrator (a limited admin); E3
//	joni.sherman       chief executive, root of the manager tree; E5
//	raul.razo          member of a role-assignable group: an admin through it; E3
//	lee.gu             mailbox of 61 GiB with archive: cannot be shared without a licence; E5
//	debra.berger       mailbox under litigation hold already; E3
//	christie.cline     Exchange plan 1: no litigation hold possible; no drive
//	henrik.holm        mailbox already forwards outside and has a redirect rule; 2 phones, one of them dead; in mail-enabled groups; E3
//	irvin.sayers       M365 E3 through the licence group E3 and direct E3 as well (the same SKU twice)
//	reception          a SHARED mailbox, account disabled, no licence
//	emergency.access   another Global Administrator, for emergencies
//	emergency.access2  and a third one
//	emily.braun        has access to everything: every kind of group she can leave, the only owner of Project Falcon, roles active, eligible and by a
//	                   group, consents, app roles, authentication methods, a telephone number, rights on the mailboxes of others; E5 direct, EMS by group
var wellKnown = []SeedUser{
	{UPN: "adele.vance", Name: "Adele Vance", Title: "Retail Manager", Department: "Marketing", EmployeeID: "E0001", Manager: "alex.wilber",
		Aliases: []string{"a.vance"}, Licences: []string{SKUOfficeE3}, Groups: []string{GroupLicenceEMS, GroupMarketing},
		Devices: []SeedDevice{{Name: "CPC-ADELE-01", Model: "Surface Laptop"}, {Name: "Adele's iPad", OS: "iPad"}}},
	{UPN: "alex.wilber", Name: "Alex Wilber", Title: "Marketing Director", Department: "Marketing", EmployeeID: "E0002", Manager: "joni.sherman",
		Licences: []string{SKUOfficeE5}, Groups: []string{GroupMarketing}, Mailbox: SeedMailbox{Items: 5120, Size: 3 * gib}, Drive: SeedDrive{Files: 12, Size: 40 << 20},
		Access: SeedAccess{FullAccess: []string{"reception"}}},
	{UPN: "grady.archie", Name: "Grady Archie", Title: "Designer", Department: "Engineering", EmployeeID: "E0003", Manager: "alex.wilber",
		Licences: []string{SKUOfficeE3}, Drive: SeedDrive{Files: 250, Size: 2 * gib, Links: 3}},
	{UPN: "lidia.holloway", Name: "Lidia Holloway", Title: "Product Manager", Department: "Engineering", EmployeeID: "E0004", Manager: "alex.wilber",
		Licences: []string{SKUOfficeE3}, Mailbox: SeedMailbox{Items: 20412, Size: 15687850951}},
	{UPN: "patti.fernandez", Name: "Patti Fernandez", Title: "President of Sales", Department: "Sales", EmployeeID: "E0005", Manager: "alex.wilber",
		Licences: []string{SKUOfficeE5}, Groups: []string{GroupLicenceEMS}, Mailbox: SeedMailbox{Items: 31002, Size: 9 * gib}, Drive: SeedDrive{Files: 30, Size: gib},
		Devices: []SeedDevice{{Name: "CPC-PATTI-01", Model: "Surface Pro"}},
		Intune:  []SeedDevice{{Name: "CPC-PATTI-01", Owner: "company"}, {Name: "Patti's iPhone", OS: "iOS", Owner: "personal"}},
		Apps:    []SeedDevice{{Name: "Patti's iPhone"}},
		Phones:  []SeedDevice{{Name: "Patti's iPhone", Outlook: true}}},
	{UPN: "megan.bowen", Name: "Megan Bowen", Title: "Accountant", Department: "Finance", EmployeeID: "E0006", Manager: "alex.wilber", Synced: true,
		Licences: []string{SKUOfficeE3}, Groups: []string{GroupOnPremFileShare}, Mailbox: SeedMailbox{Items: 812, Size: gib}},
	{UPN: "nestor.wilke", Name: "Nestor Wilke", Title: "Director of IT", Department: "IT", EmployeeID: "E0007", Manager: "joni.sherman",
		Licences: []string{SKUOfficeE5}, Roles: []string{"Global Administrator"}, AppRoles: consoleRoles, Mailbox: SeedMailbox{Items: 1200, Size: gib}},
	{UPN: "isaiah.langer", Name: "Isaiah Langer", Title: "Field Engineer", Department: "Field Engineering", EmployeeID: "E0008", Manager: "alex.wilber",
		Groups: []string{GroupLicenceDynamic}},
	{UPN: "diego.siciliani", Name: "Diego Siciliani", Title: "HR Manager", Department: "HR", EmployeeID: "E0009", Manager: "joni.sherman", AppRoles: consoleRoles[:1],
		Groups: []string{GroupLicenceOnPrem}},
	{UPN: "lynne.robbins", Name: "Lynne Robbins", Title: "Planner", Department: "Sales", EmployeeID: "E0010", Manager: "patti.fernandez",
		Licences: []string{SKUOfficeE3}, Mailbox: SeedMailbox{Items: 90, Size: 50 << 20}, Drive: SeedDrive{Files: 5, Size: 5 << 20, Links: 2}},
	{UPN: "johanna.lorenz", Name: "Johanna Lorenz", Title: "Senior Engineer", Department: "Engineering", EmployeeID: "E0011", Manager: "patti.fernandez",
		Mail: "lynne.robbins@", Licences: []string{SKUPowerBI}},
	{UPN: "pradeep.gupta", Name: "Pradeep Gupta", Title: "Warehouse Worker", Department: "Logistics", EmployeeID: "E0012", Manager: "diego.siciliani"},
	{UPN: "henrietta.mueller_fabrikam.com#EXT#", Name: "Henrietta Mueller", Guest: true, Mail: "henrietta.mueller@fabrikam.com"},
	{UPN: "miriam.graham", Name: "Miriam Graham", Title: "Service Desk", Department: "IT", EmployeeID: "E0013", Manager: "nestor.wilke",
		Licences: []string{SKUOfficeE3}, Roles: []string{"Helpdesk Administrator"}, AppRoles: consoleRoles[:2]},
	{UPN: "joni.sherman", Name: "Joni Sherman", Title: "Chief Executive", Department: "Management", EmployeeID: "E0014", AppRoles: []string{"Leaver.Read", "Leaver.Approve"},
		Licences: []string{SKUOfficeE5}, Mailbox: SeedMailbox{Items: 45000, Size: 20 * gib}},
	{UPN: "raul.razo", Name: "Raul Razo", Title: "Platform Engineer", Department: "IT", EmployeeID: "E0015", Manager: "nestor.wilke",
		Licences: []string{SKUOfficeE3}, Groups: []string{GroupTierZero}},
	{UPN: "lee.gu", Name: "Lee Gu", Title: "Director of Operations", Department: "Logistics", EmployeeID: "E0016", Manager: "joni.sherman",
		Licences: []string{SKUOfficeE5}, Mailbox: SeedMailbox{Items: 210000, Size: 61 * gib, Archive: true}},
	{UPN: "debra.berger", Name: "Debra Berger", Title: "Counsel", Department: "Legal", EmployeeID: "E0017", Manager: "joni.sherman",
		Licences: []string{SKUOfficeE3}, Mailbox: SeedMailbox{Items: 7000, Size: 4 * gib, Hold: true}},
	{UPN: "christie.cline", Name: "Christie Cline", Title: "Front Desk", Department: "Facilities", EmployeeID: "E0018", Manager: "diego.siciliani",
		Licences: []string{SKUExchangeP1}, Mailbox: SeedMailbox{Items: 15, Size: 1 << 20}},
	{UPN: "henrik.holm", Name: "Henrik Holm", Title: "Buyer", Department: "Finance", EmployeeID: "E0019", Manager: "alex.wilber",
		Licences: []string{SKUOfficeE3}, Groups: []string{GroupNews, GroupMailSecurity},
		Mailbox: SeedMailbox{Items: 4000, Size: 2 * gib, ForwardTo: "henrik.holm@fabrikam.com", RedirectTo: "henrik.holm@fabrikam.com", Meetings: 4},
		Phones:  []SeedDevice{{Name: "Henrik's Pixel", OS: "Android 16"}, {Name: "Henrik's old phone", OS: "Android 9", Dead: true}}},
	{UPN: "irvin.sayers", Name: "Irvin Sayers", Title: "Project Manager", Department: "Engineering", EmployeeID: "E0020", Manager: "alex.wilber",
		Licences: []string{SKUOfficeE3}, Groups: []string{GroupLicenceE3}},
	{UPN: "reception", Name: "Reception", Disabled: true, Mailbox: SeedMailbox{Type: "SharedMailbox", Items: 300, Size: 80 << 20}},
	{UPN: "emergency.access", Name: "Emergency Access", Roles: []string{"Global Administrator"}},
	{UPN: "emergency.access2", Name: "Emergency Access 2", Roles: []string{"Global Administrator"}},
	{UPN: "emily.braun", Name: "Emily Braun", Title: "Office Manager", Department: "Management", EmployeeID: "E0021", Manager: "alex.wilber",
		Licences: []string{SKUOfficeE5}, Groups: []string{GroupEverybody, GroupMarketing, GroupProject, GroupNews, GroupMailSecurity, GroupTierZero, GroupLicenceEMS},
		Roles: []string{"Helpdesk Administrator"},
		Access: SeedAccess{
			EligibleRoles: []string{"User Administrator"}, Consents: []string{"Mail.Read", "Files.Read"}, AppRoles: 2,
			Methods: []string{"phone", "microsoftAuthenticator", "fido2"}, Numbers: []string{"+49301234567"},
			FullAccess: []string{"reception@"}, SendAs: []string{"reception@"}, SendOnBehalf: []string{"lidia.holloway@"}, Calendars: []string{"alex.wilber@"},
		}},
}

var (
	givenNames  = strings.Fields("Anna Boris Carla Dmitri Elena Felix Greta Hugo Ines Jonas Karin Lukas Mila Nils Olga Pavel Quirin Rosa Stefan Tilda Ugo Vera Wanda Xaver Yara Zeno")
	surnames    = strings.Fields("Abend Birke Cyprian Distel Eiche Farn Ginster Holunder Ilex Jasmin Klee Linde Malve Nelke Olive Pappel Quitte Rebe Salbei Tanne Ulme Veilchen Weide Ysop Zeder")
	departments = strings.Fields("Marketing Engineering Sales Finance IT HR Legal Logistics Facilities")
)

// company is a believable company of n people.
func company(n int) *Seed {
	s := &Seed{Company: "Contoso", Domain: "contoso.com", Organization: SeedOrganization{AutoForwardingMode: "On"}, Groups: []SeedGroup{
		{Name: GroupEverybody},
		{Name: GroupMarketing, Kind: "unified", Within: []string{GroupEverybody}, Owners: []string{"alex.wilber@contoso.com", "adele.vance@contoso.com"}},
		{Name: GroupProject, Kind: "unified", Owners: []string{"emily.braun@contoso.com"}},
		{Name: GroupNews, Kind: "distribution"},
		{Name: GroupMailSecurity, Kind: "mailSecurity"},
		{Name: GroupTierZero, RoleAble: true, Roles: []string{"User Administrator"}},
		{Name: GroupLicenceEMS, Licences: []string{SKUEMS}},
		{Name: GroupLicenceE3, Licences: []string{SKUOfficeE3}},
		{Name: GroupLicenceDynamic, Rule: `(user.department -eq "Field Engineering")`, Licences: []string{SKUOfficeE3}},
		{Name: GroupLicenceOnPrem, Synced: true, Licences: []string{SKUOfficeE3}},
		{Name: GroupOnPremFileShare, Synced: true},
	}}
	at := func(name string) string {
		switch {
		case name == "":
			return ""
		case strings.HasSuffix(name, "@"):
			return name + s.Domain
		case strings.Contains(name, "@"):
			return name
		}
		return name + "@" + s.Domain
	}
	for _, u := range wellKnown {
		u.UPN, u.Manager, u.Mail = at(u.UPN), at(u.Manager), at(u.Mail)
		u.Aliases = slices.Clone(u.Aliases)
		for i := range u.Aliases {
			u.Aliases[i] = at(u.Aliases[i])
		}
		for _, names := range []*[]string{&u.Access.FullAccess, &u.Access.SendAs, &u.Access.SendOnBehalf, &u.Access.Calendars} {
			*names = slices.Clone(*names)
			for i := range *names {
				(*names)[i] = at((*names)[i])
			}
		}
		u.Office = "Building 7"
		s.Users = append(s.Users, u)
	}
	for i := len(s.Users); i < n; i++ {
		s.Users = append(s.Users, employee(i, i-len(wellKnown), at))
	}
	return s
}

// employee is the i-th person and the k-th of those without a story of their own. Every tenth of
// them leads the nine that follow.
func employee(i, k int, at func(string) string) SeedUser {
	given, surname := givenNames[k%len(givenNames)], surnames[k/len(givenNames)%len(surnames)]
	name, upn := given+" "+surname, strings.ToLower(given+"."+surname)
	if round := k / (len(givenNames) * len(surnames)); round > 0 {
		name, upn = fmt.Sprintf("%s %d", name, round+1), fmt.Sprintf("%s%d", upn, round+1)
	}
	u := SeedUser{
		UPN: at(upn), Name: name, Title: "Specialist", Department: departments[k/10%len(departments)], Office: fmt.Sprintf("Building %d", 1+k%9),
		EmployeeID: fmt.Sprintf("E%04d", i+1),
		Mailbox:    SeedMailbox{Items: 37 * (k % 500), Size: int64(k%500) * (11 << 20)},
	}
	switch {
	case k%10 == 0:
		u.Title, u.Manager = "Team Lead", at("joni.sherman")
	default:
		lead := k / 10 * 10
		u.Manager = at(strings.ToLower(givenNames[lead%len(givenNames)] + "." + surnames[lead/len(givenNames)%len(surnames)]))
		if round := lead / (len(givenNames) * len(surnames)); round > 0 {
			u.Manager = strings.Replace(u.Manager, "@", fmt.Sprintf("%d@", round+1), 1)
		}
	}
	switch k % 4 {
	case 0:
		u.Licences = []string{SKUM365E3}
		u.Intune = []SeedDevice{{Name: fmt.Sprintf("CPC-%05d", i), Owner: "company"}}
	case 1:
		u.Groups = append(u.Groups, GroupLicenceE3)
	default:
		u.Licences = []string{SKUOfficeE3}
		u.Groups = append(u.Groups, GroupLicenceEMS)
	}
	if k%3 == 0 {
		u.Drive = SeedDrive{Files: 1 + k%7, Size: int64(1+k%7) << 20}
	}
	if k%2 == 0 {
		u.Devices = []SeedDevice{{Name: fmt.Sprintf("CPC-%05d", i)}}
	}
	if k%5 == 0 {
		u.Phones = []SeedDevice{{Name: given + "'s phone", Outlook: k%2 == 0}}
	}
	u.Synced = k%11 == 10
	if u.Department == "Marketing" {
		u.Groups = append(u.Groups, GroupMarketing)
	}
	return u
}
