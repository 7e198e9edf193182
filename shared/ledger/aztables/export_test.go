package aztables

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
)

// OpenTable opens a table of another name: the tests share one emulator.
func OpenTable(connection, table string, client *http.Client) (*Store, *aztables.Client, error) {
	service, err := aztables.NewServiceClientFromConnectionString(connection, options(client))
	if err != nil {
		return nil, nil, err
	}
	s := open(service, table)
	return s, s.table, nil
}
