package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"

	"leaver/shared/offboarding"
)

// Split is the URL of something in a storage, as the storage and what the names of its objects begin with:
// s3://BUCKET/FOLDER?region=R is FOLDER/ in s3://BUCKET?region=R.
func Split(text string) (storage, prefix string, err error) {
	at, err := url.Parse(text)
	if err != nil || at.Scheme != "s3" && at.Scheme != "azblob" && at.Scheme != "file" || at.Scheme != "file" && at.Host == "" {
		return "", "", errors.New("it is no URL of a storage: file:///PATH, s3://BUCKET/FOLDER?region=R or azblob://CONTAINER/FOLDER?storage_account=A")
	}
	if at.Scheme == "file" {
		return text, "", nil
	}
	if prefix = strings.Trim(at.Path, "/"); prefix != "" {
		prefix += "/"
	}
	at.Path = ""
	return at.String(), prefix, nil
}

// Files are the objects of a storage whose names begin so, to be read; they are named by what follows.
func (c *Client) Files(ctx context.Context, storage, prefix string) fs.FS {
	return files{ctx, c, storage, prefix}
}

type files struct {
	ctx             context.Context // an fs.FS is handed none
	client          *Client
	storage, prefix string
}

// Open implements fs.FS.
func (f files) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	r, err := f.client.Read(f.ctx, f.storage, f.prefix+name)
	if errors.Is(err, offboarding.ErrNotFound) {
		err = fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return file{r}, nil
}

type file struct{ io.ReadCloser }

// Stat implements fs.File: of what is read once from its beginning to its end, nobody asks it.
func (file) Stat() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
