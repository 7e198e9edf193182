package servicebustest

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/Azure/go-amqp"
)

func TestValuesComeBack(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		nil, true, false, uint8(7), uint16(7), uint32(7), uint64(7), int8(-7), int16(-7), int32(-7), int64(-7), float32(1.5), 2.5,
		"text", symbol("symbol"), []byte("bytes"), uuid{1, 2, 3}, time.UnixMilli(1795338000123).UTC(),
		[]any{"a", uint32(1), nil}, map[any]any{symbol("k"): "v"}, described{0x24, []any{true}}, described{0x137000000c, "large"},
	} {
		got, rest, err := readValue(appendValue(nil, v), 0)
		if err != nil || len(rest) > 0 || !reflect.DeepEqual(got, v) {
			t.Errorf("%#v came back as %#v, %d bytes over, %v", v, got, len(rest), err)
		}
	}
}

// TestValuesOfGoAMQP reads what go-amqp writes: it has short forms that this codec does not write.
func TestValuesOfGoAMQP(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1795338000123).UTC()
	m := amqp.Message{Value: map[string]any{
		"bool": true, "uint": uint32(7), "zero": uint32(0), "long": int64(-7), "string": "text", "time": now,
		"longs": []int64{1, 2, 300}, "uuids": []amqp.UUID{{1}, {2}}, "list": []any{"a", []byte("b")},
	}}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	got, rest, err := readValue(b, 0)
	want := described{0x77, map[any]any{
		"bool": true, "uint": uint32(7), "zero": uint32(0), "long": int64(-7), "string": "text", "time": now,
		"longs": []any{int64(1), int64(2), int64(300)}, "uuids": []any{uuid{1}, uuid{2}}, "list": []any{"a", []byte("b")},
	}}
	if err != nil || len(rest) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("%#v, %v", got, err)
	}
}

func performatives() []performative {
	one, channel := uint32(1), uint16(0)
	return []performative{
		open{"client", "localhost", 65536, 60000}, begin{&channel, 0, 5000, 5000},
		attach{name: "link", handle: 3, receiver: true, sndSettle: 1, rcvSettle: 1, source: &terminus{address: "leaver"},
			target: &terminus{}, initialDeliveryCount: &one, maxMessageSize: 1024, properties: map[any]any{symbol("p"): uint64(1)}},
		flow{&one, 1, 2, 3, &one, &one, &one, &one, true, true},
		transfer{handle: 1, id: &one, tag: []byte("tag"), format: &one, more: true, payload: []byte("payload")},
		disposition{true, 1, &one, true, described{rejected, []any{described{codeError, []any{symbol("e"), "d"}}}}, nil},
		detach{1, true, &condition{"amqp:not-found", "it is not there"}}, end{}, closing{&condition{"amqp:connection:forced", ""}},
		mechanisms{"ANONYMOUS"}, saslInit{"ANONYMOUS"}, outcome{0},
	}
}

func TestFramesComeBack(t *testing.T) {
	t.Parallel()
	for _, p := range performatives() {
		got, err := readFrame(bytes.NewReader(appendFrame(nil, frame{7, p})))
		if err != nil || !reflect.DeepEqual(got, frame{7, p}) {
			t.Errorf("%s: %+v, %v", p.kind(), got.body, err)
		}
	}
}

func TestMalformedFramesAreRefused(t *testing.T) {
	t.Parallel()
	refused := func(name, text string) {
		t.Helper()
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if f, err := readFrame(bytes.NewReader(b)); err == nil {
			t.Errorf("%s was read: %+v", name, f)
		}
	}
	for name, header := range map[string]string{
		"a size of more than the largest frame": "7fffffff02000000",
		"a size of less than a header":          "0000000702000000",
		"a body that begins within the header":  "0000000801000000",
		"a body that begins after the frame":    "0000000803000000",
		"an unknown type":                       "0000000802020000",
	} {
		refused(name, header)
	}
	for name, body := range map[string]string{
		"an unknown performative":       "00537045",
		"no performative":               "40",
		"bytes after the performative":  "0053174540",
		"a field that is missing":       "00531045",
		"a field of a wrong type":       "005310c0020141",
		"a list that ends early":        "005317c00201",
		"an array of a million nulls":   "005317c00b01f000000005000f424040",
		"a list of a million elements":  "005317d000000005000f424040",
		"a descriptor that is a string": "00a1017845",
	} {
		refused(name, fmt.Sprintf("%08x02000000%s", 8+len(body)/2, body))
	}
	deep := append(bytes.Repeat([]byte{0xc0, 0xff, 1}, 100), 0x40)
	if _, _, err := readValue(deep, 0); !errors.Is(err, errMalformed) {
		t.Errorf("nested too deep: %v", err)
	}
}

// FuzzFrame: whatever comes is read or refused, and what was read can be written and read again.
func FuzzFrame(f *testing.F) {
	for _, p := range performatives() {
		f.Add(appendFrame(nil, frame{0, p}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := readFrame(bytes.NewReader(b))
		if err != nil || first.body == nil {
			return
		}
		written := appendFrame(nil, first)
		if len(written) > frameSize { // numbers and strings were in their short forms
			return
		}
		second, err := readFrame(bytes.NewReader(written))
		if err != nil {
			t.Fatalf("%+v cannot be read again: %v", first, err)
		}
		if !bytes.Equal(appendFrame(nil, second), written) && first.body.kind() != Attach { // maps have no order
			t.Errorf("%+v became %+v", first, second)
		}
	})
}
