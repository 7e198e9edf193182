// Package terminal shows the host's answers to a person: as tables on a terminal, in plain lines
// otherwise, and as JSON, an object a line.
package terminal

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// wrapped breaks lines at blanks only: an id that is broken at a hyphen cannot be copied.
func wrapped(text string, width int) string {
	var b strings.Builder
	at := 0
	for word := range strings.FieldsSeq(text) {
		n := len([]rune(word))
		switch {
		case at == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

// Hanging is a paragraph behind its first word, in lines of that width below each other, or in one
// when it is 0.
func Hanging(first, text string, width int) string {
	const narrowest = 20
	if width > 0 {
		indent := len([]rune(first))
		text = strings.ReplaceAll(wrapped(text, max(width-indent, narrowest)), "\n", "\n"+strings.Repeat(" ", indent))
	}
	return first + text + "\n"
}

// Width is the width of the terminal that w is, if it is one.
func Width(w io.Writer) (int, bool) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(file.Fd()))
	return width, err == nil
}

// WriteJSON writes one object a line.
func WriteJSON[T any](w io.Writer, found []T) error {
	for _, s := range found {
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(s); err != nil {
			return err
		}
		// JSON escapes the control characters of ASCII only; all of these stand in strings.
		text := strings.TrimSuffix(line.String(), "\n")
		if _, err := io.WriteString(w, Printable(text, len(text))+"\n"); err != nil {
			return err
		}
	}
	return nil
}
