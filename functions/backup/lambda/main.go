// Command lambda is the backup function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/backup"
	"leaver/shared/assembly"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run(offboarding.FunctionBackup, func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		place, err := f.BackupPlace()
		b := &backup.Backup{Ledger: f.Ledger, Storage: objectstore.New("", f.Credential()), Place: place, Now: f.Now, Log: f.Log, Report: f.Metrics}
		f.ExamineBackups(b.Wrong)
		return lambda.HandlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) { return nil, b.Run(ctx) }), err
	})
}
