// Package objectstore is the adapter to object storage, through gocloud.dev/blob: a folder, Amazon S3 or
// Azure Blob Storage. It asks the write guard before every write, as every adapter does.
//
// A storage is named by its URL, which holds no secret: file:///PATH, s3://BUCKET?region=R (whoever runs the
// function is known to AWS), azblob://CONTAINER?storage_account=A (by the function's own identity in Entra;
// domain=blob.core.usgovcloudapi.net or blob.core.chinacloudapi.cn in a national cloud), each with an optional
// prefix=P/ for the names in it.
package objectstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"gocloud.dev/blob"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // opens s3://
	"gocloud.dev/gcerrors"

	"leaver/shared/offboarding"
)

// Client reaches storages. It is safe for concurrent use.
type Client struct {
	folder string
	cred   azcore.TokenCredential
	azure  *container.ClientOptions // nil: as the SDK has them

	mu   sync.Mutex
	open map[string]*blob.Bucket
}

// New makes a client. The folder is the storage of whoever names none; empty where there is none. The
// credential is that for Azure.
func New(folder string, cred azcore.TokenCredential) *Client {
	return &Client{folder: folder, cred: cred, open: map[string]*blob.Bucket{}}
}

// Write writes an object whole, or not at all: it is there once nil is returned. Errors:
// offboarding.ErrNoSpace of a storage that is full, permanent of one that refuses, otherwise transient; and
// those of the content and of the write guard.
func (c *Client) Write(ctx context.Context, storage, name string, content io.Reader) error {
	if err := offboarding.WriteGuardFrom(ctx).Allow(ctx); err != nil {
		return err
	}
	b, err := c.bucket(ctx, storage)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop() // a writer whose context has ended writes nothing
	w, err := b.NewWriter(ctx, name, &blob.WriterOptions{BufferSize: partSize, MaxConcurrency: 1, DisableContentTypeDetection: true, ContentType: "application/octet-stream"})
	if err != nil {
		return classify("writing an export", err)
	}
	source := &noted{Reader: content}
	if _, err := io.CopyBuffer(w, source, make([]byte, 32<<10)); err != nil {
		stop()
		_ = w.Close() // it has failed already
		if source.failed != nil {
			return source.failed
		}
		return classify("writing an export", err)
	}
	return classify("writing an export", w.Close())
}

// partSize is how much of an object is held in memory on its way.
const partSize = 5 << 20

// noted remembers the error of its reader, to tell it from those of the writer.
type noted struct {
	io.Reader
	failed error
}

func (n *noted) Read(p []byte) (int, error) {
	read, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.failed = err
	}
	return read, err
}

// Read opens an object; one that is not there is offboarding.ErrNotFound.
func (c *Client) Read(ctx context.Context, storage, name string) (io.ReadCloser, error) {
	b, err := c.bucket(ctx, storage)
	if err != nil {
		return nil, err
	}
	r, err := b.NewReader(ctx, name, nil)
	if err != nil {
		return nil, classify("reading an export", err)
	}
	return r, nil
}

// List names the objects that begin so, in order, and with a delimiter only up to the next one.
func (c *Client) List(ctx context.Context, storage, prefix, delimiter string) ([]string, error) {
	b, err := c.bucket(ctx, storage)
	if err != nil {
		return nil, err
	}
	var names []string
	for at := b.List(&blob.ListOptions{Prefix: prefix, Delimiter: delimiter}); ; {
		o, err := at.Next(ctx)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, classify("listing an export", err)
		}
		names = append(names, o.Key)
	}
}

// Delete removes an object, and in a folder those that held nothing else; one that is not there is
// offboarding.ErrNotFound. It asks the write guard.
func (c *Client) Delete(ctx context.Context, storage, name string) error {
	if err := offboarding.WriteGuardFrom(ctx).Allow(ctx); err != nil {
		return err
	}
	b, err := c.bucket(ctx, storage)
	if err != nil {
		return err
	}
	if err := b.Delete(ctx, name); err != nil {
		return classify("deleting an export", err)
	}
	c.tidy(storage, name)
	return nil
}

// tidy removes the folders that a deletion has left empty: their names are those of the mailbox. One that
// stays says no more than that.
func (c *Client) tidy(storage, name string) {
	root := c.folder
	if !hostsOwn(storage) {
		at, err := url.Parse(storage)
		if err != nil || at.Scheme != "file" {
			return
		}
		root, name = filepath.FromSlash(at.Path), at.Query().Get("prefix")+name
	}
	within, err := os.OpenRoot(root)
	if err != nil {
		return
	}
	defer within.Close()
	for dir := path.Dir(name); dir != "." && within.Remove(filepath.FromSlash(dir)) == nil; {
		dir = path.Dir(dir)
	}
}

// Where says in words which storage is meant.
func (c *Client) Where(storage string) string {
	if hostsOwn(storage) {
		return "file://" + filepath.ToSlash(c.folder)
	}
	return storage
}

// hostsOwn reports whether the host's own folder is meant.
func hostsOwn(storage string) bool { return storage == "" || storage == offboarding.ExportToFolder }

func (c *Client) bucket(ctx context.Context, storage string) (*blob.Bucket, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b := c.open[storage]; b != nil {
		return b, nil
	}
	b, err := c.opened(context.WithoutCancel(ctx), storage)
	if err == nil && !hostsOwn(storage) && !strings.HasPrefix(storage, "file:") {
		c.open[storage] = b // a folder is opened each time: it may have gone
	}
	return b, err
}

func (c *Client) opened(ctx context.Context, storage string) (*blob.Bucket, error) {
	if hostsOwn(storage) {
		if c.folder == "" {
			return nil, offboarding.Permanent(errors.New("exportTo is not set, and this host has no folder for exports: set it in the policy"))
		}
		// The host's own folder is made; one that the policy names may be a mount, and has to be there.
		return folder(c.folder, true)
	}
	at, err := url.Parse(storage)
	if err != nil {
		return nil, offboarding.Permanent(errors.New("the storage is named by no URL"))
	}
	query := at.Query()
	prefix := query.Get("prefix")
	var b *blob.Bucket
	switch at.Scheme {
	case "file":
		if b, err = folder(filepath.FromSlash(at.Path), false); err != nil {
			return nil, err
		}
	case "azblob":
		client, made := container.NewClient(fmt.Sprintf("https://%s.%s/%s", query.Get("storage_account"), cmp.Or(query.Get("domain"), "blob.core.windows.net"), at.Host), c.cred, c.azure)
		if made != nil {
			return nil, offboarding.Permanent(fmt.Errorf("%s names no container of Azure Blob Storage", storage))
		}
		b, err = azureblob.OpenBucket(ctx, client, nil)
	default:
		query.Del("prefix")
		at.RawQuery = query.Encode()
		b, err = blob.OpenBucket(ctx, at.String())
	}
	if err != nil {
		return nil, offboarding.Permanent(fmt.Errorf("opening the storage %s: %w", storage, err))
	}
	if prefix != "" {
		b = blob.PrefixedBucket(b, prefix)
	}
	return b, nil
}

// folder opens a folder, in which only the user who runs the process may read.
func folder(at string, create bool) (*blob.Bucket, error) {
	b, err := fileblob.OpenBucket(at, &fileblob.Options{CreateDir: create, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the folder %s is not there: make it, or mount it", at)
	case err != nil:
		return nil, classify("opening the folder for exports", err)
	}
	return b, nil
}

// classify says what an error means for a later try. Names of objects are personal, and go no further.
func classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	var of *os.PathError
	var link *os.LinkError
	cause := err
	switch {
	case errors.As(err, &of):
		cause = of.Err
	case errors.As(err, &link):
		cause = link.Err
	}
	code := gcerrors.Code(err)
	// Of what Azure refuses, gocloud.dev knows AuthenticationFailed alone; a role that is not there is
	// AuthorizationPermissionMismatch.
	// Source: Microsoft Learn, "Common REST API error codes" of Azure Storage.
	var azure *azcore.ResponseError
	said := code.String()
	if errors.As(err, &azure) && azure.ErrorCode != "" {
		said = azure.ErrorCode
	}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%s: %w", doing, offboarding.ErrNoSpace)
	case code == gcerrors.NotFound, errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", doing, offboarding.ErrNotFound)
	case code == gcerrors.PermissionDenied, errors.Is(err, fs.ErrPermission), azure != nil && (azure.StatusCode == http.StatusUnauthorized || azure.StatusCode == http.StatusForbidden):
		return offboarding.Permanent(fmt.Errorf("%s: the storage refuses it: give the function its rights there (functions/export/README.md)", doing))
	case cause != err: //nolint:errorlint // that very error
		return fmt.Errorf("%s: %w", doing, cause)
	}
	return fmt.Errorf("%s: the storage answered %s", doing, said)
}
