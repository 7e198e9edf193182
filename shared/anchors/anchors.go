// Package anchors keeps the anchors of the ledger in object storage, or in a folder: where whoever
// writes the ledger cannot change them. It adds objects, and neither changes nor removes any.
package anchors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://CONTAINER
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // s3://BUCKET
	"gocloud.dev/gcerrors"

	"leaver/shared/ledger"
)

// maxAnchor bounds what is read of an anchor, in bytes: about 500,000 histories.
const maxAnchor = 64 << 20

// prefix is how the names of anchors begin; the day follows.
const prefix = "leaver-"

// anchors are a bucket, a container or a folder of them.
type anchors struct {
	bucket *blob.Bucket
	now    func() time.Time
}

// Open opens where anchors are kept: a folder, which has to exist, or a URL of s3://, azblob:// or
// file://. It is safe for concurrent use. Errors: that it is no such place.
func Open(ctx context.Context, place string, now func() time.Time) (ledger.Anchorage, error) {
	var bucket *blob.Bucket
	var err error
	if strings.Contains(place, "://") {
		bucket, err = blob.OpenBucket(ctx, place)
	} else {
		bucket, err = fileblob.OpenBucket(place, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	}
	if err != nil {
		return nil, fmt.Errorf("opening the anchors: %w", err)
	}
	return &anchors{bucket: bucket, now: now}, nil
}

// Put implements ledger.Anchorage.
func (a *anchors) Put(ctx context.Context, name string, anchor []byte) error {
	err := a.bucket.WriteAll(ctx, name, anchor, &blob.WriterOptions{ContentType: "application/json", IfNotExist: true})
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// Last implements ledger.Anchorage. It looks at the last days first: a year has thousands of anchors.
func (a *anchors) Last(ctx context.Context, before string) (string, []byte, error) {
	today := a.now().UTC()
	for _, day := range []string{today.Add(24 * time.Hour).Format("20060102"), today.Format("20060102"), today.Add(-24 * time.Hour).Format("20060102"), ""} {
		name, err := a.last(ctx, prefix+day, before)
		if err != nil {
			return "", nil, err
		}
		if name != "" {
			raw, err := a.read(ctx, name)
			return name, raw, err
		}
	}
	return "", nil, nil
}

// last is the name that sorts last among those with a prefix and before a name.
func (a *anchors) last(ctx context.Context, prefix, before string) (name string, err error) {
	for list := a.bucket.List(&blob.ListOptions{Prefix: prefix}); ; {
		object, err := list.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return name, nil
		case err != nil:
			return "", fmt.Errorf("listing the anchors: %w", err)
		case strings.HasSuffix(object.Key, ".json") && object.Key < before:
			name = max(name, object.Key)
		}
	}
}

func (a *anchors) read(ctx context.Context, name string) ([]byte, error) {
	r, err := a.bucket.NewReader(ctx, name, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxAnchor))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return raw, nil
}
