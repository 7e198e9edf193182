package simtenant

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTheTableOfCloudsHasEveryOperation: whoever adds an operation writes the table anew, by the command clouds.
func TestTheTableOfCloudsHasEveryOperation(t *testing.T) {
	t.Parallel()
	for _, cloud := range clouds {
		if got, want := slices.Sorted(maps.Keys(offered[cloud])), Operations(); !slices.Equal(got, want) {
			missing := slices.DeleteFunc(slices.Clone(want), func(o string) bool { return slices.Contains(got, o) })
			extra := slices.DeleteFunc(slices.Clone(got), func(o string) bool { return slices.Contains(want, o) })
			t.Errorf("%s: the table lacks %q and has %q beyond; run go run ./shared/simtenant/clouds", cloud, missing, extra)
		}
	}
	if got := slices.Sorted(maps.Keys(cloudHosts)); !slices.Equal(got, slices.Sorted(slices.Values(clouds))) {
		t.Errorf("got hosts of %v, want those of %v", got, clouds)
	}
}

// TestEachCloudRefusesWhatItLacks asks for every operation of the table, in each cloud.
func TestEachCloudRefusesWhatItLacks(t *testing.T) {
	t.Parallel()
	keys := regexp.MustCompile(`\{\w+\}`)
	for _, cloud := range clouds {
		tenant, err := New(Config{Knobs: Knobs{Cloud: cloud}})
		if err != nil {
			t.Fatal(err)
		}
		for operation, has := range offered[cloud] {
			method, template, _ := strings.Cut(operation, " ")
			path := keys.ReplaceAllString(template, DefaultTenantID)
			r := httptest.NewRequest(method, "https://graph.example/v1.0"+path, nil)
			c := &call{t: tenant, r: r, caller: caller{app: &App{}}, method: method, url: r.URL, header: r.Header, raw: []byte("{}"), now: tenant.clock()}
			got := tenant.run(c, path).reply
			lacking := got.status == http.StatusBadRequest && strings.Contains(fmt.Sprint(got.body), "Resource not found for the segment")
			if lacking == (has || cloud == "worldwide") {
				t.Errorf("%s: %s: got %d %v; the table says %t", cloud, operation, got.status, got.body, has)
			}
		}
	}
}
