package servicebustest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The values of AMQP 1.0 as Go values: nil, bool, uint8 to uint64, int8 to int64, float32,
// float64, string, symbol, []byte, uuid, time.Time (a timestamp), []any (a list, or an array
// when read), map[any]any and described. Source: OASIS AMQP 1.0 part 1.
type (
	symbol    string
	uuid      [16]byte
	described struct {
		code  uint64
		value any
	}
)

// errMalformed is what every reading of bytes that are not AMQP ends in.
var errMalformed = errors.New("malformed AMQP")

// maxDepth bounds nesting, so that a small frame cannot exhaust the stack.
const maxDepth = 16

// readValue reads one value and returns what follows it.
func readValue(b []byte, depth int) (value any, rest []byte, err error) {
	if depth > maxDepth {
		return nil, nil, fmt.Errorf("%w: nested too deep", errMalformed)
	}
	if len(b) == 0 {
		return nil, nil, fmt.Errorf("%w: it ends before a value", errMalformed)
	}
	if b[0] != 0 {
		return readAs(b[0], b[1:], depth)
	}
	descriptor, rest, err := readValue(b[1:], depth+1)
	if err != nil {
		return nil, nil, err
	}
	code, numeric := descriptor.(uint64)
	if !numeric {
		return nil, nil, fmt.Errorf("%w: a descriptor that is no ulong", errMalformed)
	}
	value, rest, err = readValue(rest, depth+1)
	return described{code, value}, rest, err
}

// readAs reads a value whose constructor was read before, as the elements of an array are.
func readAs(constructor byte, b []byte, depth int) (value any, rest []byte, err error) {
	width, counted := 0, 0
	switch constructor >> 4 {
	case 0x4:
	case 0x5:
		width = 1
	case 0x6:
		width = 2
	case 0x7:
		width = 4
	case 0x8:
		width = 8
	case 0x9:
		width = 16
	case 0xa, 0xc, 0xe:
		counted = 1
	case 0xb, 0xd, 0xf:
		counted = 4
	default:
		return nil, nil, fmt.Errorf("%w: constructor %#02x", errMalformed, constructor)
	}
	if counted > 0 {
		size, after, err := readSize(b, counted)
		if err != nil {
			return nil, nil, err
		}
		b, width = after, size
	}
	if len(b) < width {
		return nil, nil, fmt.Errorf("%w: %d bytes where %d are needed", errMalformed, len(b), width)
	}
	body, rest := b[:width], b[width:]
	if constructor >= 0xc0 {
		value, err = readCompound(constructor, body, counted, depth)
	} else {
		value, err = readPrimitive(constructor, body)
	}
	return value, rest, err
}

// readSize reads an unsigned number of one or four bytes.
func readSize(b []byte, width int) (size int, rest []byte, err error) {
	switch {
	case len(b) < width:
		return 0, nil, fmt.Errorf("%w: it ends within a size", errMalformed)
	case width == 1:
		return int(b[0]), b[1:], nil
	default:
		return int(binary.BigEndian.Uint32(b)), b[4:], nil
	}
}

func readPrimitive(constructor byte, b []byte) (any, error) {
	big := binary.BigEndian
	switch constructor {
	case 0x40:
		return nil, nil
	case 0x41:
		return true, nil
	case 0x42:
		return false, nil
	case 0x56:
		return b[0] != 0, nil
	case 0x50:
		return b[0], nil
	case 0x60:
		return big.Uint16(b), nil
	case 0x43:
		return uint32(0), nil
	case 0x52:
		return uint32(b[0]), nil
	case 0x70:
		return big.Uint32(b), nil
	case 0x44:
		return uint64(0), nil
	case 0x53:
		return uint64(b[0]), nil
	case 0x80:
		return big.Uint64(b), nil
	case 0x51:
		return int8(b[0]), nil
	case 0x61:
		return int16(big.Uint16(b)), nil
	case 0x54:
		return int32(int8(b[0])), nil
	case 0x71:
		return int32(big.Uint32(b)), nil
	case 0x55:
		return int64(int8(b[0])), nil
	case 0x81:
		return int64(big.Uint64(b)), nil
	case 0x72:
		return math.Float32frombits(big.Uint32(b)), nil
	case 0x82:
		return math.Float64frombits(big.Uint64(b)), nil
	case 0x83:
		return time.UnixMilli(int64(big.Uint64(b))).UTC(), nil
	case 0x98:
		return uuid(b), nil
	case 0xa0, 0xb0:
		return append([]byte{}, b...), nil
	case 0xa1, 0xb1:
		return string(b), nil
	case 0xa3, 0xb3:
		return symbol(b), nil
	case 0x45:
		return []any(nil), nil
	}
	return nil, fmt.Errorf("%w: constructor %#02x", errMalformed, constructor)
}

// readCompound reads the elements of a list, a map or an array. Its slices grow with what is
// really there, never by what the count claims.
func readCompound(constructor byte, b []byte, counted, depth int) (any, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("%w: nested too deep", errMalformed)
	}
	count, b, err := readSize(b, counted)
	if err != nil {
		return nil, err
	}
	if count > len(b) { // also refuses arrays of many elements that take no byte
		return nil, fmt.Errorf("%w: %d elements in %d bytes", errMalformed, count, len(b))
	}
	isArray := constructor >= 0xe0
	var of byte
	if isArray && count > 0 {
		of, b = b[0], b[1:]
	}
	var list []any
	for range count {
		var v any
		if isArray {
			v, b, err = readAs(of, b, depth+1)
		} else {
			v, b, err = readValue(b, depth+1)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(b) > 0 && !isArray {
		return nil, fmt.Errorf("%w: bytes after the last element", errMalformed)
	}
	if constructor != 0xc1 && constructor != 0xd1 {
		return list, nil
	}
	if count%2 != 0 {
		return nil, fmt.Errorf("%w: a map with a key and no value", errMalformed)
	}
	m := map[any]any{}
	for i := 0; i < count; i += 2 {
		switch list[i].(type) {
		case string, symbol, uint64, int64, uint32, int32:
			m[list[i]] = list[i+1]
		default:
			return nil, fmt.Errorf("%w: a map with a key of type %T", errMalformed, list[i])
		}
	}
	return m, nil
}

// appendValue writes a value. Numbers take their full width except the codes of descriptors,
// which go-amqp wants small.
func appendValue(b []byte, v any) []byte {
	big := binary.BigEndian
	switch v := v.(type) {
	case nil:
		return append(b, 0x40)
	case bool:
		if v {
			return append(b, 0x41)
		}
		return append(b, 0x42)
	case uint8:
		return append(b, 0x50, v)
	case uint16:
		return big.AppendUint16(append(b, 0x60), v)
	case uint32:
		return big.AppendUint32(append(b, 0x70), v)
	case uint64:
		return big.AppendUint64(append(b, 0x80), v)
	case int8:
		return append(b, 0x51, byte(v))
	case int16:
		return big.AppendUint16(append(b, 0x61), uint16(v))
	case int32:
		return big.AppendUint32(append(b, 0x71), uint32(v))
	case int64:
		return big.AppendUint64(append(b, 0x81), uint64(v))
	case float32:
		return big.AppendUint32(append(b, 0x72), math.Float32bits(v))
	case float64:
		return big.AppendUint64(append(b, 0x82), math.Float64bits(v))
	case time.Time:
		return big.AppendUint64(append(b, 0x83), uint64(v.UnixMilli()))
	case uuid:
		return append(append(b, 0x98), v[:]...)
	case []byte:
		return append(big.AppendUint32(append(b, 0xb0), uint32(len(v))), v...)
	case string:
		return append(big.AppendUint32(append(b, 0xb1), uint32(len(v))), v...)
	case symbol:
		return append(big.AppendUint32(append(b, 0xb3), uint32(len(v))), v...)
	case described:
		if v.code <= math.MaxUint8 {
			b = append(b, 0x00, 0x53, byte(v.code))
		} else {
			b = big.AppendUint64(append(b, 0x00, 0x80), v.code)
		}
		return appendValue(b, v.value)
	case []any:
		var body []byte
		for _, element := range v {
			body = appendValue(body, element)
		}
		return appendCompound(b, 0xd0, len(v), body)
	case map[any]any:
		var body []byte
		for key, value := range v {
			body = appendValue(appendValue(body, key), value)
		}
		return appendCompound(b, 0xd1, 2*len(v), body)
	}
	panic(fmt.Sprintf("servicebustest: no encoding for %T", v))
}

func appendCompound(b []byte, constructor byte, count int, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, constructor), uint32(len(body)+4))
	b = binary.BigEndian.AppendUint32(b, uint32(count))
	return append(b, body...)
}
