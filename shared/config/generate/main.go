// Command generate writes the schema of a policy and its annotated example, beside package config,
// from how package offboarding declares the settings.
package main

import (
	"log"
	"os"

	"leaver/shared/config"
)

func main() {
	schema, err := config.Schema()
	if err != nil {
		log.Fatal(err)
	}
	for file, text := range map[string][]byte{"policy.schema.json": schema, "policy.example.yaml": config.Example()} {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
