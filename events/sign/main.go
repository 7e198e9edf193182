// Command sign prints the event that brings a webhook to intake on AWS Lambda, signed now with
// the sample secret:
//
//	go run ./events/sign events/terminated-none.json | sam local invoke Intake -e -
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"leaver/events"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sign FILE")
		os.Exit(2)
	}
	body, err := os.ReadFile(os.Args[1])
	if err == nil {
		body, err = events.Sign(body, "msg_"+uuid.NewString(), time.Now())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
	fmt.Printf("%s\n", body)
}
