package resident

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/ledger"
	"leaver/shared/operator"
)

// KeyName is the file of the key that signs an embedded ledger, in its directory.
const KeyName = "ledger.key"

// ProofOf is whose signatures on the ledger of a tenant count, as the environment says, and by which key
// this host signs. Anchors replaces where the environment has the anchors. On an embedded ledger the
// environment need not say anything.
func ProofOf(ctx context.Context, environ []string, tenant, place string, shared bool) (ledger.Proof, error) {
	c, err := environment.Read[environment.Signatures](environ)
	if err != nil {
		return ledger.Proof{}, err
	}
	proof := ledger.Proof{Tenant: tenant}
	if shared || c.Keys != "" {
		if proof, err = assembly.ProofOf(ctx, c, tenant, elsewhere); err != nil {
			return ledger.Proof{}, err
		}
	}
	at, err := environment.Read[environment.Signer](environ)
	if err != nil {
		return ledger.Proof{}, err
	}
	if at.Key != "" {
		text, err := at.Key.Read(ctx, elsewhere)
		if err == nil {
			err = signsBy(&proof, []byte(text))
		}
		if err != nil {
			return ledger.Proof{}, fmt.Errorf("LEAVER_LEDGER_SIGNER: %w", err)
		}
	}
	if place == "" {
		named, err := environment.Read[environment.Anchors](environ)
		if err != nil || named.Place == "" {
			return proof, err
		}
		place = named.Place
	}
	kept, err := anchors.Open(ctx, place, time.Now)
	if err != nil {
		return ledger.Proof{}, fmt.Errorf("--anchors, LEAVER_ANCHORS: %w", err)
	}
	proof.Anchors = kept
	return proof, nil
}

// BackupOf is the URL of where copies of the ledger go: the folder or URL that is given, or that of the
// environment; empty where neither says anything.
func BackupOf(environ []string, place string) (string, error) {
	named, err := environment.Read[environment.Backup](environ)
	if err != nil {
		return "", err
	}
	place = cmp.Or(place, named.Place)
	if place == "" || strings.Contains(place, "://") {
		return place, nil
	}
	if place, err = filepath.Abs(place); err != nil {
		return "", fmt.Errorf("--backup, LEAVER_BACKUP: %w", err)
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(place)}).String(), nil
}

// signsBy lets a proof sign by the first of the private keys of a text; all of them count.
func signsBy(p *ledger.Proof, text []byte) error {
	signer, keys, err := ledger.ParseSigner(text)
	if err != nil {
		return err
	}
	p.Signer, p.Keys = signer, append(keys, p.Keys...)
	return nil
}

// SignsBy lets a proof sign by the first of the private keys of a file; all of them count.
func SignsBy(p *ledger.Proof, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return signsBy(p, text)
}

// OpenStore opens the store of the ledger in a directory, or the one that the environment names, on which
// no host is at work there.
func OpenStore(ctx context.Context, environ []string, dir string) (_ ledger.Store, stop func() error, err error) {
	h, err := standing(ctx, environ, dir)
	if err != nil {
		return nil, nil, err
	}
	return h.store, h.Close, nil
}

// OpenDesk opens a desk on the ledger in a directory, or on the one that the environment names, where no host
// is at work: for what is done to a ledger that stands still.
func OpenDesk(ctx context.Context, environ []string, dir string) (_ *operator.Desk, stop func() error, err error) {
	h, err := standing(ctx, environ, dir)
	if err != nil {
		return nil, nil, err
	}
	return &operator.Desk{Ledger: h.Ledger, Now: h.Now, Operator: h.Operator}, h.Close, nil
}

// standing is a host that has its ledger and does nothing.
func standing(ctx context.Context, environ []string, dir string) (*Host, error) {
	h := &Host{Now: time.Now, log: slog.New(slog.DiscardHandler)}
	o := Options{Dir: dir, Log: h.log}
	var as identity.Connection
	var err error
	if o.Shared, err = SharedOf(environ); err == nil && o.Shared != nil {
		if o.Tenant, err = TenantOf(ctx, environ); err == nil {
			as, err = o.Tenant.Connect(nil)
		}
	}
	if err == nil {
		o.Proof, err = ProofOf(ctx, environ, o.Tenant.TenantID, "", o.Shared != nil)
	}
	if err == nil {
		err = h.openLedger(ctx, o, as)
	}
	if err == nil && o.Tenant.AzureCLI {
		h.Operator.ID, h.Operator.Name, err = as.Person(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// openLedger opens the bus and the ledger, embedded or shared.
func (h *Host) openLedger(ctx context.Context, o Options, as identity.Connection) error {
	if o.Shared != nil {
		return h.openAzure(ctx, o, as)
	}
	return h.openEmbedded(ctx, o)
}

// prove opens the ledger on its store.
func (h *Host) prove(ctx context.Context, store ledger.Store, o Options) error {
	h.store, h.shared = store, o.Shared != nil
	proof := o.Proof
	proof.Tenant = o.Tenant.TenantID
	if o.Shared == nil && proof.Signer == nil {
		text, err := os.ReadFile(filepath.Join(o.Dir, KeyName))
		if errors.Is(err, fs.ErrNotExist) {
			text, err = makeKey(filepath.Join(o.Dir, KeyName))
			o.Log.WarnContext(ctx, "a key was made that signs the ledger: keep a copy of it elsewhere; departures of before are shown as not proven until they are adopted", "file", filepath.Join(o.Dir, KeyName))
		}
		if err == nil {
			err = signsBy(&proof, text)
		}
		if err != nil {
			return fmt.Errorf("the key that signs the ledger, %s: %w", KeyName, err)
		}
	}
	h.signs = proof.Signer != nil
	h.Ledger = ledger.New(store, h.Now, rand.Reader, proof)
	return nil
}

// makeKey makes a key in a file that only its owner reads.
func makeKey(path string) ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := ledger.FormatSigner(private)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = file.Write(text)
	return text, errors.Join(err, file.Sync(), file.Close())
}
