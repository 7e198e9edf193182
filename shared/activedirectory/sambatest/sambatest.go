// Package sambatest runs a real Samba Active Directory domain controller on a loopback address of
// its own, for the tests of the adapter and of the function onpremises, and for the demo. It needs
// root, because LDAP's ports cannot be chosen, and Debian's packages [Packages].
//
// A domain is provisioned once for a process and copied for every controller. What Samba does
// otherwise than Windows is listed with the tests of the adapter, which try that on a scripted
// peer.
package sambatest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Packages are the Debian packages that bring the controller.
const Packages = "samba-ad-dc samba-ad-provision"

// The domain that every controller serves, and its administrator. They are invented.
const (
	Domain        = "corp.example"
	Base          = "DC=corp,DC=example"
	HostName      = "dc1." + Domain
	SecondName    = "dc2." + Domain // of a replica
	Administrator = "Administrator@" + Domain
	Password      = "Adm1n-Passw0rd!"
)

// ErrMissing is returned where the machine cannot run a controller; its text says what to do.
var ErrMissing = errors.New("no Samba domain controller can be run here")

// Controller is a running domain controller.
type Controller struct {
	Address string // of the loopback network; LDAPS listens on 636, LDAP on 389
	CA      []byte // PEM, of the authority that signed its certificate

	dir     string
	process *exec.Cmd
	stdin   io.Closer
}

// New starts a controller and ends it with the test. Where none can be run, the test is skipped
// and says what is missing; under CI=true it fails.
func New(t testing.TB) *Controller {
	t.Helper()
	Need(t)
	c, err := Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Need skips a test where no controller can be run, as [New] does.
func Need(t testing.TB) {
	t.Helper()
	switch _, err := provisioned(); {
	case errors.Is(err, ErrMissing) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// Start runs a controller whose data lie in dir, which must exist and be empty. It returns once
// the controller answers. An error that wraps [ErrMissing] says what the machine lacks.
func Start(ctx context.Context, dir string) (*Controller, error) {
	template, err := provisioned()
	if err != nil {
		return nil, err
	}
	return start(ctx, template, dir)
}

// start runs a controller with a copy of the data in another directory.
func start(ctx context.Context, from, dir string) (_ *Controller, err error) {
	if out, err := exec.CommandContext(ctx, "cp", "-a", from+"/.", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copying the provisioned domain: %w: %s", err, out)
	}
	c := &Controller{dir: dir}
	if c.Address, err = freeAddress(); err != nil {
		return nil, err
	}
	if c.CA, err = writeCertificate(dir, c.Address); err != nil {
		return nil, err
	}
	return c, c.Resume(ctx)
}

// Resume runs the controller again after [Controller.Close], with the data it had. Settings are lines
// of smb.conf that replace those of the package.
func (c *Controller) Resume(ctx context.Context, settings ...string) error {
	configuration := c.configuration() + strings.Join(settings, "\n") + "\n"
	if err := os.WriteFile(c.path("run.conf"), []byte(configuration), 0o600); err != nil {
		return err
	}
	c.process = exec.Command("samba", "-s", c.path("run.conf"), "-i", "--no-process-group", "-M", "single")
	// Samba ends when this pipe is closed, so it does not outlive its parent.
	stdin, err := c.process.StdinPipe()
	if err != nil {
		return err
	}
	c.stdin = stdin
	if err := c.process.Start(); err != nil {
		return fmt.Errorf("starting samba: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(c.Address, "636"))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			log, _ := os.ReadFile(c.path("log"))
			return fmt.Errorf("samba does not answer: %w: %s", err, tail(log))
		}
	}
}

// Close ends the controller; its data stay.
func (c *Controller) Close() error {
	if c.process == nil {
		return nil
	}
	_ = c.stdin.Close()
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
	c.process = nil
	return nil
}

// Dial is a connection bound as somebody, over LDAPS.
func (c *Controller) Dial(who, password string) (*ldap.Conn, error) {
	conn, err := ldap.DialURL("ldaps://"+c.Address, ldap.DialWithTLSConfig(clientTLS(c.CA)))
	if err != nil {
		return nil, fmt.Errorf("dialling the controller: %w", err)
	}
	if err := conn.Bind(who, password); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("binding: %w", err)
	}
	return conn, nil
}

// grant adds access control entries to the security descriptor of an object, as an administrator
// who delegates rights does. They are in SDDL, with SID in the place of the identifier of the
// account at who, a distinguished name.
func (c *Controller) grant(on, who string, aces []string) error {
	if len(aces) == 0 {
		return nil
	}
	o := &Organisation{Controller: c}
	e, err := o.Read(who, "objectSid")
	if err != nil {
		return fmt.Errorf("reading %s: %w", who, err)
	}
	sddl := strings.ReplaceAll(strings.Join(aces, ""), "SID", identifier(e.GetRawAttributeValue("objectSid")))
	out, err := exec.Command("samba-tool", "dsacl", "set", "-s", c.path("run.conf"), "-H", "ldap://"+c.Address, "-U", "Administrator%"+Password,
		"--objectdn="+on, "--trusteedn="+who, "--sddl="+sddl).CombinedOutput()
	if err != nil {
		return fmt.Errorf("delegating rights on %s: %w: %s", on, err, out)
	}
	return nil
}

func (c *Controller) path(name string) string { return filepath.Join(c.dir, name) }

func (c *Controller) configuration() string {
	return strings.NewReplacer("$D", c.dir, "$A", c.Address).Replace(`[global]
netbios name = DC1
realm = CORP.EXAMPLE
workgroup = CORP
server role = active directory domain controller
server services = ldap
private dir = $D/private
state directory = $D/state
cache directory = $D/cache
lock directory = $D
pid directory = $D/run
ncalrpc dir = $D/run/ncalrpc
binddns dir = $D/bind-dns
log file = $D/log
interfaces = $A/8
bind interfaces only = yes
tls keyfile = $D/tls/key.pem
tls certfile = $D/tls/cert.pem
tls cafile = $D/tls/ca.pem
old password allowed period = 0
dsdb:schema update allowed = yes
`)
}

// provisioned is the directory of a fresh domain, made once for a process.
var provisioned = sync.OnceValues(func() (string, error) {
	if os.Geteuid() != 0 {
		return "", fmt.Errorf("%w: run it as root, LDAP's ports cannot be chosen", ErrMissing)
	}
	for _, tool := range []string{"samba", "samba-tool"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%w: apt-get install --no-install-recommends %s", ErrMissing, Packages)
		}
	}
	dir, err := os.MkdirTemp("", "sambatest-")
	if err != nil {
		return "", err
	}
	// Without it Debian's own configuration is copied in.
	empty := filepath.Join(dir, "empty.conf")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		return "", err
	}
	out, err := exec.Command("samba-tool", "domain", "provision", "-q", "-s", empty, "--server-role=dc", "--dns-backend=NONE",
		"--realm=CORP.EXAMPLE", "--domain=CORP", "--adminpass="+Password, "--host-name=dc1", "--host-ip=127.0.0.1",
		"--targetdir="+dir, "--plaintext-secrets").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("provisioning the domain: %w: %s", err, tail(out))
	}
	return dir, nil
})

// freeAddress is a loopback address on which nobody serves LDAP yet; tests of several packages run
// side by side.
func freeAddress() (string, error) {
	for range 100 {
		address := fmt.Sprintf("127.56.%d.%d", rand.IntN(250)+1, rand.IntN(250)+1)
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "636"))
		if err == nil {
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("%w: no loopback address has port 636 free", ErrMissing)
}

func tail(log []byte) string {
	const most = 2000
	return string(log[max(0, len(log)-most):])
}
