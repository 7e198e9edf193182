package aztables

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/ledger"
)

// maxOperations is how many operations one transaction holds.
// Source: Microsoft Learn, "Performing entity group transactions".
const maxOperations = 100

// Seal implements ledger.Store. Up to a hundred values are sealed together; of more, some may be
// after an error. Errors: ledger.ErrUnavailable.
func (s *Store) Seal(ctx context.Context, id string, values map[string]ledger.Value) error {
	doing := "sealing values of " + id
	if err := s.usable(id); err != nil {
		return classify(doing, err)
	}
	var actions []aztables.TransactionAction
	for name, value := range values {
		raw, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("%s: encoding a value: %w", doing, err)
		}
		if len(raw) > maxData {
			return classify(doing, errLarge)
		}
		actions = append(actions, aztables.TransactionAction{
			ActionType: aztables.TransactionTypeInsertReplace,
			Entity:     row(id, valuePrefix+encode(name), pack(map[string]any{propName: name}, raw)),
		})
	}
	for some := range slices.Chunk(actions, maxOperations) {
		if _, err := s.table.SubmitTransaction(ctx, some, nil); err != nil {
			return classify(doing, err)
		}
	}
	return nil
}

// Unseal implements ledger.Store. Errors: ledger.ErrUnavailable.
func (s *Store) Unseal(ctx context.Context, id string) (map[string]ledger.Value, error) {
	doing := "unsealing values of " + id
	if err := s.usable(id); err != nil {
		return nil, classify(doing, err)
	}
	values, size := map[string]ledger.Value{}, 0
	err := s.query(ctx, sealed(id), func(e aztables.EDMEntity) error {
		name, _ := e.Properties[propName].(string)
		var value ledger.Value
		raw := unpack(e.Properties)
		if size += len(raw); size > ledger.MaxHistory {
			return fmt.Errorf("%w: %w", errContent, ledger.ErrTooLong)
		}
		if json.Unmarshal(raw, &value) != nil {
			value = ledger.Value{} // altered, as its hash says: it keeps nobody from the others
		}
		values[name] = value
		return nil
	})
	if err != nil {
		return nil, classify(doing, err)
	}
	return values, nil
}

// Erase implements ledger.Store. The service keeps nothing of a deleted entity that could be read;
// when its disks forget it is Microsoft's affair. After an error it can be called again. Errors:
// ledger.ErrUnavailable.
func (s *Store) Erase(ctx context.Context, id string) error {
	doing := "erasing values of " + id
	if err := s.usable(id); err != nil {
		return classify(doing, err)
	}
	var keys []string
	err := s.query(ctx, sealed(id), func(e aztables.EDMEntity) error {
		keys = append(keys, e.RowKey)
		return nil
	}, "PartitionKey", "RowKey")
	if err != nil {
		return classify(doing, err)
	}
	for _, key := range keys {
		_, err := s.table.DeleteEntity(ctx, id, key, nil)
		if err != nil && !missing(err) { // another one may be faster
			return classify(doing, err)
		}
	}
	return nil
}

// sealed is the filter of a history's values; '`' is what follows '_'.
func sealed(id string) string {
	return fmt.Sprintf("PartitionKey eq '%s' and RowKey ge '%s' and RowKey lt 'value`'", id, valuePrefix)
}
