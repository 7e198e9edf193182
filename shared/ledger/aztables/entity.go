package aztables

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// The rows of a history's partition, in the order of their keys.
const (
	entryPrefix = "entry_"
	rowHead     = "head"
	valuePrefix = "value_"
)

// The properties, beside the Data0, Data1, … of pack.
const (
	propPosition = "Position"
	propLabel    = "Label"
	propName     = "Name"
)

func rowEntry(position int) string { return entryPrefix + digits(position) }

// digits make keys sort as their numbers do.
func digits(position int) string { return fmt.Sprintf("%010d", position) }

// What one property and the Data of one entity hold; an entity is at most 1 MiB with its keys and
// names, of which Azurite does not take care.
// Source: Microsoft Learn, "Understanding the Table service data model".
const (
	maxBinary = 64 << 10
	maxData   = 15 * maxBinary
)

// pack spreads data over as many properties as it needs.
func pack(into map[string]any, data []byte) map[string]any {
	for i := 0; len(data) > 0; i++ {
		n := min(len(data), maxBinary)
		into[fmt.Sprint("Data", i)] = aztables.EDMBinary(data[:n])
		data = data[n:]
	}
	return into
}

func unpack(properties map[string]any) []byte {
	data := []byte{}
	for i := 0; ; i++ {
		part, ok := properties[fmt.Sprint("Data", i)].(aztables.EDMBinary)
		if !ok {
			return data
		}
		data = append(data, part...)
	}
}

// encode makes a part of a key from any text: letters, digits and '-' stay, every other byte is
// written as _XX.
func encode(text string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}

// row makes the JSON of an entity.
func row(partition, key string, properties map[string]any) []byte {
	raw, err := json.Marshal(aztables.EDMEntity{
		Entity:     aztables.Entity{PartitionKey: partition, RowKey: key},
		Properties: properties,
	})
	if err != nil {
		panic(err) // strings, numbers and bytes
	}
	return raw
}

// get reads one entity; false when there is none.
func (s *Store) get(ctx context.Context, partition, key string) (e aztables.EDMEntity, found bool, err error) {
	answer, err := s.table.GetEntity(ctx, partition, key, nil)
	if missing(err) {
		return e, false, nil
	}
	if err != nil {
		return e, false, err
	}
	if err := json.Unmarshal(answer.Value, &e); err != nil {
		return e, false, fmt.Errorf("%w: %w", errContent, err)
	}
	e.ETag = string(answer.ETag)
	return e, true, nil
}

// query calls each with the entities of a filter in the order of their keys, page by page. Without
// names of properties, each has all of them.
func (s *Store) query(ctx context.Context, filter string, each func(aztables.EDMEntity) error, properties ...string) error {
	options := &aztables.ListEntitiesOptions{Filter: &filter}
	if len(properties) > 0 {
		names := strings.Join(properties, ",")
		options.Select = &names
	}
	for pager := s.table.NewListEntitiesPager(options); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, raw := range page.Entities {
			var e aztables.EDMEntity
			if err := json.Unmarshal(raw, &e); err != nil {
				return fmt.Errorf("%w: %w", errContent, err)
			}
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// head is where a history ended when it was looked at. It may have moved on, but never back.
type head struct {
	position int
	label    string
	etag     azcore.ETag // "" after our own commit: its answer does not hold it
}

func readHead(e aztables.EDMEntity) (head, error) {
	position, ok := e.Properties[propPosition].(int32)
	label, labelled := e.Properties[propLabel].(string)
	if !ok || !labelled {
		return head{}, fmt.Errorf("%w: the head of %s is not readable", errContent, e.PartitionKey)
	}
	return head{int(position), label, azcore.ETag(e.ETag)}, nil
}

// positionOf reads the number behind a key's prefix.
func positionOf(key, prefix string) (int, error) {
	position, err := strconv.Atoi(strings.TrimPrefix(key, prefix))
	if err != nil {
		return 0, fmt.Errorf("%w: row %q", errContent, key)
	}
	return position, nil
}
