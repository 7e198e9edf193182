package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"leaver/functions/export"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/identity"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
)

type exportCommand struct {
	Verify exportVerifyCommand `cmd:"" help:"Check a finished export where it lies."`
}

type exportVerifyCommand struct {
	Path     string `arg:"" help:"Folder of one export, with its manifest.ndjson, or its URL in a storage: s3://BUCKET/CASE?region=R, azblob://CONTAINER/CASE?storage_account=A or file:///PATH."`
	Manifest string `help:"SHA-256 that the manifest must have: manifestSHA256 in the evidence of export (leaver status CASE --json)." placeholder:"SHA256"`
	JSON     bool   `help:"As JSON."`
}

// Help implements kong.HelpProvider.
func (*exportVerifyCommand) Help() string {
	return `Every file is read, and its size and hash are held against the manifest; every item is there once. Without --manifest nobody says that it is the manifest that Leaver wrote: its hash is printed, and the ledger has it. A folder is read without a network. S3 is read by what the AWS CLI uses on this machine, Azure by whoever ran az login; both only read. Exit code 0 only if nothing is wrong.

  leaver export verify /mnt/exports/5f7c2a0e-1b7d-4c57-9f6e-0d6f1d2b8a11-1
  leaver export verify 's3://contoso-leaver-export/CASE?region=eu-central-1' --manifest 9f86d0…
  leaver export verify 'azblob://exports/CASE?storage_account=contosoexports'`
}

// Validate implements kong.Validatable.
func (c *exportVerifyCommand) Validate() error {
	if strings.Contains(c.Path, "://") {
		_, _, err := objectstore.Split(c.Path)
		return err
	}
	if at, err := os.Stat(c.Path); err != nil || !at.IsDir() {
		return fmt.Errorf("%s is no folder", c.Path)
	}
	return nil
}

// files are those of the export.
func (c *exportVerifyCommand) files(ctx context.Context) (fs.FS, error) {
	if !strings.Contains(c.Path, "://") {
		return os.DirFS(c.Path), nil
	}
	storage, prefix, err := objectstore.Split(c.Path)
	if err != nil {
		return nil, err
	}
	var cred azcore.TokenCredential
	if strings.HasPrefix(storage, "azblob:") {
		person, err := identity.Tenant{AzureCLI: true}.Connect(nil)
		if err != nil {
			return nil, err
		}
		cred = person.Credential
	}
	return objectstore.New("", cred).Files(ctx, storage, prefix), nil
}

// Run checks it.
func (c *exportVerifyCommand) Run(on console) error {
	files, err := c.files(on.Context)
	if err != nil {
		return err
	}
	v, err := export.Verify(files)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	if c.Manifest != "" && c.Manifest != v.Manifest {
		v.Problems = append(v.Problems, export.Problem{Path: "manifest.ndjson", Why: "its SHA-256 is " + v.Manifest + ": it is not the manifest that was asked for"})
	}
	if c.JSON {
		err = terminal.WriteJSON(on.stdout, []export.Verified{v})
	} else {
		for _, p := range v.Problems {
			_, _ = fmt.Fprintf(on.stdout, "%s%s: %s\n", terminal.Printable(p.Path, 300), p.ID, terminal.Printable(p.Why, 300)) // the next line says whether it could
		}
		_, err = fmt.Fprintf(on.stdout, "case %s, as of %s: %s in %s, %d bytes; manifest %s\n", terminal.Printable(v.Case, 80), v.At.Format("2006-01-02 15:04:05 MST"), offboarding.Count(v.Items, "item"), offboarding.Count(v.Files, "file"), v.Bytes, v.Manifest)
	}
	if err == nil && len(v.Problems) > 0 {
		err = errors.New("the export is not as its manifest says, or is not whole")
	}
	return err
}
