package onedrive

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// keeping is the name of the progress that holds [progress], as JSON.
const keeping = "keeping"

// progress is how far the keeping of a drive is: where the copy is, and where the walk that makes
// and compares it stands.
type progress struct {
	Drive       string `json:"drive,omitempty"`       // that holds the copy
	Folder      string `json:"folder,omitempty"`      // that holds the copy
	CopiedDelta string `json:"copiedDelta,omitempty"` // delta token from before the first copy
	Wave        int    `json:"wave,omitempty"`        // number of the last copies that were started
	walked
}

// walked is what one walk has seen; it is lost when the walk begins anew.
type walked struct {
	At          string   `json:"at,omitempty"` // position of the walk
	Items       int      `json:"items,omitempty"`
	Bytes       int64    `json:"bytes,omitempty"`
	Hashed      int      `json:"hashed,omitempty"`    // files whose contents were compared by a hash
	Sized       int      `json:"sized,omitempty"`     // files that were compared by their size only
	Different   []string `json:"different,omitempty"` // ids of files that are not as their copies, the first few
	Differences int      `json:"differences,omitempty"`
	Shortcuts   []string `json:"shortcuts,omitempty"` // ids of links into other drives
	Refused     []string `json:"refused,omitempty"`   // ids of items whose copy Graph refuses, the first few
	Refusals    int      `json:"refusals,omitempty"`
	Refusal     string   `json:"refusal,omitempty"` // the first one
	// What the drive held when the walk began, and a delta token from before it; the token is empty
	// before it begins.
	BeganItems int    `json:"beganItems,omitempty"`
	BeganBytes int64  `json:"beganBytes,omitempty"`
	BeganDelta string `json:"beganDelta,omitempty"`

	Whole  string            `json:"whole,omitempty"`  // id of the last folder whose children were copied by one request
	WaveAt time.Time         `json:"waveAt,omitzero"`  // when the last copies were started; zero when they are done
	Failed map[string]string `json:"failed,omitempty"` // of these: error codes by item id
	Tries  int               `json:"tries,omitempty"`  // waves in which a folder of the leaver did not get more complete
	Lacked int               `json:"lacked,omitempty"` // how much it lacked before
}

// readProgress reads what was kept, also by a version of Leaver that kept every field of it under a
// name of its own.
func readProgress(kept map[string]string) (progress, error) {
	if text := kept[keeping]; text != "" {
		var p progress
		err := json.Unmarshal([]byte(text), &p)
		return p, err
	}
	number := func(name string) int {
		n, _ := strconv.Atoi(kept[name]) // zero until it was kept
		return n
	}
	p := progress{
		Drive: kept["targetDrive"], Folder: kept["targetFolder"], CopiedDelta: kept["copiedDelta"], Wave: number("wave"),
		walked: walked{
			At: kept["copyAt"], Items: number("items"), Bytes: int64(number("bytes")), Hashed: number("hashed"), Sized: number("sized"),
			Different: strings.Fields(kept["different"]), Differences: number("differences"),
			BeganItems: number("beganItems"), BeganBytes: int64(number("beganBytes")), BeganDelta: kept["beganDelta"],
			Whole: kept["whole"], Tries: number("tries"), Lacked: number("lacked"),
		},
	}
	p.WaveAt, _ = time.Parse(time.RFC3339, kept["waveAt"]) // zero when the copies are done
	for f := range strings.FieldsSeq(kept["failed"]) {
		if p.Failed == nil {
			p.Failed = map[string]string{}
		}
		id, code, _ := strings.Cut(f, "=")
		p.Failed[id] = code
	}
	return p, nil
}
