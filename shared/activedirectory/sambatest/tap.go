package sambatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Tap stands between a client and a controller, in the place of its network: it sees every call, and
// breaks the connection when it is told to. It takes one call at a time on a connection, as the adapter
// makes them.
type Tap struct {
	// CA is the authority of its certificate, which is for [HostName].
	CA []byte
	// Before is asked before a call reaches the controller, and After before its answer reaches the
	// client; an error breaks the connection. Calls are named such as "bind", "search objectGUID",
	// "modify userAccountControl", "modifyDN" and "delete". Nil breaks nothing.
	Before, After func(call string) error

	to      *Controller
	address string
}

// NewTap puts a tap before a controller; it ends with the test.
func NewTap(t testing.TB, to *Controller) *Tap {
	t.Helper()
	dir, p := t.TempDir(), &Tap{to: to}
	var err error
	if p.CA, err = writeCertificate(dir, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls", "cert.pem"), filepath.Join(dir, "tls", "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	p.address = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

// DialContext reaches the controller through the tap, whatever it is called.
func (p *Tap) DialContext(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, p.address)
}

func (p *Tap) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := tls.Dial("tcp", net.JoinHostPort(p.to.Address, "636"), clientTLS(p.to.CA))
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for {
		request, err := ber.ReadPacket(client)
		if err != nil || len(request.Children) < 2 {
			return
		}
		op := request.Children[1]
		call := name(op)
		if p.Before != nil && p.Before(call) != nil {
			return
		}
		if _, err := server.Write(request.Bytes()); err != nil || op.Tag == ldap.ApplicationUnbindRequest {
			return
		}
		var answer []byte
		for {
			part, err := ber.ReadPacket(server)
			if err != nil || len(part.Children) < 2 {
				return
			}
			answer = append(answer, part.Bytes()...)
			if tag := part.Children[1].Tag; tag != ldap.ApplicationSearchResultEntry && tag != ldap.ApplicationSearchResultReference {
				break
			}
		}
		if p.After != nil && p.After(call) != nil {
			return
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// name is what a call is called. Source: RFC 4511, section 4.
func name(op *ber.Packet) string {
	switch op.Tag {
	case ldap.ApplicationBindRequest:
		return "bind"
	case ldap.ApplicationUnbindRequest:
		return "unbind"
	case ldap.ApplicationSearchRequest:
		var attributes []string
		for _, a := range op.Children[7].Children {
			attributes = append(attributes, string(a.ByteValue))
		}
		return "search " + strings.Join(attributes, " ")
	case ldap.ApplicationModifyRequest:
		return "modify " + string(op.Children[1].Children[0].Children[1].Children[0].ByteValue)
	case ldap.ApplicationModifyDNRequest:
		return "modifyDN"
	case ldap.ApplicationDelRequest:
		return "delete"
	}
	return fmt.Sprint("operation ", op.Tag)
}
