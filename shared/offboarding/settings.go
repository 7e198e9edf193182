package offboarding

import "time"

// Settings are what a policy says and an override may change for some leavers. Each setting is
// declared here once, in the struct of the step that obeys it. Reading it, its default, its
// validation, the JSON schema, the annotated example, whether two plans are the same and what a
// new plan does again all follow from its tags; see [Setting].
type Settings struct {
	TimeSettings
	StepSettings
}

// TimeSettings are what [Compile] makes the times of a plan of.
type TimeSettings struct {
	Grace       time.Duration  `yaml:"grace" default:"30d" about:"how long after the leaving time (or the report of it, if that is later) the licence is released"`
	DeleteAfter time.Duration  `yaml:"deleteAfter" default:"0s" about:"how long after that the account is deleted"`
	ForwardFor  *time.Duration `yaml:"forwardFor" like:"90d" limit:"unlimited" about:"how long mail is forwarded; without it, until the grace ends"`
	ForwardCopy bool           `yaml:"forwardCopy" default:"true" about:"whether forwarded mail also stays in the mailbox"`
}

// StepSettings are what the steps obey; a plan holds those of its leaver. The tag step names the
// step that acts again when a new plan changes what it obeys.
type StepSettings struct {
	ForwardSettings    `step:"forward"`
	PreserveSettings   `step:"preserve"`
	ExportSettings     `step:"export"`
	OnedriveSettings   `step:"onedrive"`
	BlockSettings      `step:"block"`
	WipeSettings       `step:"wipe"`
	LicenceSettings    `step:"licence"`
	OnpremisesSettings `step:"onpremises"`
	PrivilegesSettings
	WatchSettings
	ModeSettings
	ApprovalSettings
}

// ApprovalSettings say what waits for people.
type ApprovalSettings struct {
	Approvals Approvals `yaml:"approvals" json:"approvals,omitzero" about:"how many people, other than whoever asked for the departure, have to approve what nobody can take back"`
}

// ModeSettings say whether anything is done at all.
type ModeSettings struct {
	Mode Mode `yaml:"mode" json:"mode,omitempty" default:"act" enum:"act,observe" about:"act carries departures out; observe only plans and rehearses them, and writes nothing to Microsoft 365"`
}

// Mode is whether a departure is carried out.
type Mode string

// The modes. A plan without one acts.
const (
	Act     Mode = "act"
	Observe Mode = "observe" // every step is rehearsed at its time, and says what it would do
)

// ForwardSettings are what forward obeys.
type ForwardSettings struct {
	Mailbox Handling `yaml:"mailbox" json:"mailbox" default:"forward" enum:"forward,shared,hold,none" about:"what becomes of the mailbox"`
	// AutoReply is what senders are told, with its placeholders.
	AutoReply      AutoReplyTexts  `yaml:"autoReply" json:"autoReply,omitzero" about:"out-of-office texts in HTML; {name} is the leaver, {contact} whoever gets the mail; empty = none"`
	CancelMeetings bool            `yaml:"cancelMeetings" json:"cancelMeetings,omitempty" default:"true" about:"whether the meetings ahead that the leaver organised are cancelled; whoever is invited hears of it"`
	Delegates      []MailRightKind `yaml:"delegates" json:"delegates,omitempty" default:"fullAccess,sendAs" enum:"fullAccess,sendAs,sendOnBehalf" about:"what the manager may do with a shared mailbox; [] = nothing"`
}

// AutoReplyTexts are the out-of-office texts in HTML, for the organisation and for everybody
// else. They may hold {name}, the leaver's display name, and {contact}, the address of whoever
// gets the mail now. An empty one is not sent. The defaults name nobody but the leaver, and hold
// for a forwarded and a shared mailbox.
type AutoReplyTexts struct {
	Inside  string `yaml:"inside" json:"inside,omitempty" default:"{name} does not work here any more. A colleague will read your message." about:"the text for the organisation"`
	Outside string `yaml:"outside" json:"outside,omitempty" default:"{name} does not work here any more. A colleague will read your message." about:"the text for everybody else"`
}

// PreserveSettings are what preserve obeys.
type PreserveSettings struct {
	KeepMail Keeping       `yaml:"keepMail" json:"keepMail" default:"hold" enum:"hold,export,none" about:"how mail is kept before the account is deleted: hold by litigation hold (then an inactive mailbox), export into files (exportTo); none gives up what the mailbox holds"`
	HoldFor  time.Duration `yaml:"holdFor" json:"holdFor,omitempty" default:"unlimited" limit:"unlimited" least:"1d" about:"how long a litigation hold keeps each item, from when it came, in whole days"`
}

// ExportSettings are what export obeys.
type ExportSettings struct {
	ExportTo   string        `yaml:"exportTo" json:"exportTo,omitempty" default:"folder" pattern:"^(folder|(file:///|s3://[a-z0-9]|azblob://[a-z0-9])[^@\\s]*)$" about:"where mailboxes are exported to: folder is the host's own beside its ledger, where it has one; else file:///PATH, s3://BUCKET?region=R or azblob://CONTAINER?storage_account=A"`
	ExportKeep time.Duration `yaml:"exportKeep" json:"exportKeep,omitempty" default:"365d" limit:"unlimited" least:"1d" about:"how long an export is kept before Leaver deletes it"`
}

// OnedriveSettings are what onedrive obeys. In a plan FilesTo is manager (also when empty), the id
// of a drive, or the object id of a person, whom the policy may name otherwise.
type OnedriveSettings struct {
	KeepFiles Keeping `yaml:"keepFiles" json:"keepFiles" default:"move" enum:"move,none" about:"how files are kept: move copies the OneDrive and verifies the copy before the account is deleted; none gives up what it holds"`
	FilesTo   string  `yaml:"filesTo" json:"filesTo,omitempty" default:"manager" pattern:"^(manager|b![A-Za-z0-9_-]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[^@\\s]+@[^@\\s]+)$" about:"where files are moved to: manager (who gets the mail, else the manager), the userPrincipalName or object id of a person, or the id of a drive as GET /sites/{site}/drive gives it, like b!…"`
}

// BlockSettings are what block obeys.
type BlockSettings struct {
	Rereads []time.Duration `yaml:"rereads" json:"rereads,omitempty" default:"30m,1h,1d" about:"how long after its block an account that an on-premises Active Directory masters is looked at again, ascending: the synchronisation may enable it, and then it is blocked again; groups too, where deleted ones can be restored with the leaver in them"`
	// PhoneGrace is obeyed by wipe as well.
	PhoneGrace time.Duration `yaml:"phoneGrace" json:"phoneGrace,omitempty" default:"1m" about:"how long ActiveSync stays open, and the phone unblocked, for a phone's own mail program to hear of its wipe, from when the wipe was asked for (which is waited for ten times as long at most); the account is disabled at once all the same; 0s = not at all, and then such a phone never acknowledges"`
}

// WipeSettings are what wipe obeys.
type WipeSettings struct {
	// Devices is obeyed by block as well. A plan of before there was this setting has no limit.
	Devices    int  `yaml:"devices" json:"devices,omitempty" default:"5" about:"how many computers and phones of a leaver are disabled, and how many retired, unasked; whoever has more may have enrolled them for others, and what becomes of them is a task for a person; 0 = no limit"`
	BlackBerry bool `yaml:"blackBerry" json:"blackBerry,omitempty" default:"false" about:"whether the organisation runs a BlackBerry server of its own, which nobody but a person can take the leaver from"`
	// CompanyDevices is what becomes of devices that the organisation owns; those of people are retired.
	CompanyDevices DeviceEnd `yaml:"companyDevices" json:"companyDevices,omitempty" default:"retire" enum:"retire,wipe" about:"what becomes of devices in Intune that the organisation owns: retire takes the organisation's data off, wipe sets them back to the factory's state, each after an approval (approvals.wipeDevice)"`
}

// DeviceEnd is what becomes of a device in Intune.
type DeviceEnd string

// The ends of a device.
const (
	DeviceRetired DeviceEnd = "retire"
	DeviceWiped   DeviceEnd = "wipe"
)

// LicenceSettings are what licence obeys.
type LicenceSettings struct {
	PhoneWait  time.Duration      `yaml:"phoneWait" json:"phoneWait,omitempty" default:"28d" about:"how long after the leaving time the licence waits for phones to acknowledge their wipe, which goes with the mailbox; 0s = not at all"`
	SeatPrices map[string]float64 `yaml:"seatPrices" json:"seatPrices,omitempty" like:"{ENTERPRISEPACK: 23.00, SPE_E3: 36.00}" about:"what a seat costs a month, by skuPartNumber, in the organisation's currency: the release of such a licence ends as a task for a person, to buy one fewer"`
}

// OnpremisesSettings are what onpremises obeys.
type OnpremisesSettings struct {
	OnPremises OnPremisesBy `yaml:"onPremises" json:"onPremises,omitempty" default:"person" enum:"person,function" about:"who changes the accounts that an on-premises Active Directory masters: a person, as tasks, or the function onpremises, which runs inside the network"`
}

// PrivilegesSettings say whether there is a function privileges, which is as powerful as a Global Administrator.
type PrivilegesSettings struct {
	PrivilegesByPerson bool `yaml:"privilegesByPerson" json:"privilegesByPerson,omitempty" default:"false" about:"whether a person takes an administrator's roles and authentication methods away, as one task before anything else is done, and the function privileges need not be deployed; everybody else's departure goes on without it"`
}

// WatchSettings are what watch obeys.
type WatchSettings struct {
	EraseAfter time.Duration `yaml:"eraseAfter" json:"eraseAfter,omitempty" default:"90d" least:"30d" about:"how long after a departure has ended its personal values (names, addresses, notes) are erased; at least 30d, in which a deleted account can be restored"`
}

// PolicySettings hold for everybody: no override changes them.
type PolicySettings struct {
	Zone           string     `yaml:"zone" like:"Europe/Berlin" about:"the time zone in which a day of leaving ends where neither the request nor its source names one; without it such a request is parked"`
	Requests       Requests   `yaml:"requests" default:"keep" enum:"keep,any" about:"whether the options of a request may keep less than the policy does (hold keeps more than shared, that more than forward, that more than none): keep holds licence and delete of such a departure until another person approves, any does what it asks"`
	OnCancel       OnCancel   `yaml:"onCancel" default:"stop" enum:"stop,undo" about:"what a cancellation does that comes after the lockout: stop leaves things as they are, undo prepares the way back and holds it until a person orders or approves it (leaver undo, leaver approve)"`
	Successors     Successors `yaml:"successors" default:"chain" enum:"chain,members" about:"who may be named to get the leaver's mail, and with it files and groups: chain is the leaver's managers up to the top, members is any member of the organisation"`
	ForwardDomains []string   `yaml:"forwardDomains" like:"[fabrikam.com]" pattern:"^[^@*/ ]+$" about:"domains outside of the organisation that mail may be forwarded to, whole ones, like fabrikam.com; a subdomain counts only when it is named itself"`
	Protected      []string   `yaml:"protected" like:"[break.glass@contoso.com]" pattern:"\\S" about:"accounts that are never offboarded: object ids, userPrincipalNames or mail addresses, whatever their case"`
	Limits         Limits     `yaml:"limits" about:"how many departures begin before a person has to release the next; 0 is no limit. Whoever joins, moves or is replayed does not count"`
	Channels       []Channel  `yaml:"channels" like:"[{name: it, kind: teams, audience: it, url: \"env:TEAMS_URL\"}, {name: hr, kind: mail, audience: hr, from: 0b1f07d8-7a5b-4b0e-9f0d-5c2f4a5e6b7c, to: [hr@contoso.com]}]" about:"who is told what, and how: outgoing Standard Webhooks, workflows of Teams, mail from one mailbox"`
	// ProtectedGroups are a list of their own, because Microsoft Graph is asked about their members.
	ProtectedGroups []string `yaml:"protectedGroups" like:"[0b1f07d8-7a5b-4b0e-9f0d-5c2f4a5e6b7c]" pattern:"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" about:"object ids of groups whose members, nested ones too, are never offboarded"`
}
