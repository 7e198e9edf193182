package servicebustest

import (
	"encoding/binary"
	"fmt"
	"io"
)

// frame is one frame of a connection; one without a body only says that the other is alive.
type frame struct {
	channel uint16
	body    performative
}

// frameSize is the largest frame that this peer takes and, unless the client takes less, sends.
const frameSize = 64 << 10

// readFrame reads one frame. The size is checked before anything is allocated.
func readFrame(r io.Reader) (frame, error) {
	var header [8]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return frame{}, err
	}
	size, offset := binary.BigEndian.Uint32(header[:]), 4*int(header[4])
	if size < 8 || size > frameSize || offset < 8 || offset > int(size) || header[5] > 1 {
		return frame{}, fmt.Errorf("%w: frame header % x", errMalformed, header)
	}
	f := frame{channel: binary.BigEndian.Uint16(header[6:])}
	rest := make([]byte, size-8)
	if _, err := io.ReadFull(r, rest); err != nil {
		return frame{}, err
	}
	if rest = rest[offset-8:]; len(rest) == 0 {
		return f, nil
	}
	var err error
	f.body, err = readPerformative(rest)
	return f, err
}

// appendFrame writes one frame.
func appendFrame(b []byte, f frame) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, 2, 0)
	b = binary.BigEndian.AppendUint16(b, f.channel)
	if f.body != nil {
		switch f.body.kind() {
		case Mechanisms, Init, Outcome:
			b[start+5] = 1
		}
		b = appendValue(b, f.body.list())
		if t, is := f.body.(transfer); is {
			b = append(b, t.payload...)
		}
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}
