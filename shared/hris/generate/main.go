// Command generate writes the schema of the file of sources, beside package hris, from how that
// declares them.
package main

import (
	"log"
	"os"

	"leaver/shared/hris"
)

func main() {
	schema, err := hris.Schema()
	if err == nil {
		err = os.WriteFile("sources.schema.json", schema, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
