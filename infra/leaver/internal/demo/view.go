package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// view shows the steps of a demo as they happen.
type view interface {
	say(format string, args ...any)
	update([]operator.Status)
	close()
}

// newView is a live table on a terminal, a line for every change otherwise, and nothing when
// only JSON is wanted.
func newView(ctx context.Context, o Options) view {
	if o.JSON {
		return silent{}
	}
	if width, onTerminal := terminal.Width(o.Out); onTerminal {
		return newLiveTable(ctx, o.Out, width)
	}
	return &lines{out: o.Out, seen: map[string]offboarding.StepState{}}
}

type silent struct{}

func (silent) say(string, ...any)       {}
func (silent) update([]operator.Status) {}
func (silent) close()                   {}

// lines writes one line for every step that changed its state; that all are planned at first goes
// without saying.
type lines struct {
	out     io.Writer
	seen    map[string]offboarding.StepState
	longest int // name
}

func (l *lines) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, format+"\n", args...)
}

func (l *lines) update(found []operator.Status) {
	for _, s := range found {
		l.longest = max(l.longest, len(s.Name()))
	}
	for _, s := range found {
		for _, step := range s.Steps {
			key := s.Case + string(step.Name)
			if l.seen[key] == step.State {
				continue
			}
			if was := l.seen[key]; was != "" || step.State != offboarding.StatePlanned {
				l.say("%s", strings.TrimRight(fmt.Sprintf("  %-*s  %-10s  %-10s  %s", l.longest, s.Name(), step.Name, step.State, step.Reason), " "))
			}
			l.seen[key] = step.State
		}
	}
}

func (l *lines) close() {}

// liveTable redraws in place how the cases stand.
type liveTable struct {
	program *tea.Program
	width   int
	done    chan struct{}
	once    sync.Once
	out     io.Writer
}

func newLiveTable(ctx context.Context, out io.Writer, width int) *liveTable {
	t := &liveTable{width: width, done: make(chan struct{}), out: out}
	t.program = tea.NewProgram(tableModel{width: width}, tea.WithContext(ctx), tea.WithOutput(out), tea.WithInput(nil), tea.WithoutSignalHandler())
	go func() {
		defer close(t.done)
		_, _ = t.program.Run()
	}()
	return t
}

func (t *liveTable) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	select {
	case <-t.done:
		_, _ = fmt.Fprintln(t.out, text)
	default:
		t.program.Send(saidMsg(text))
	}
}

func (t *liveTable) update(found []operator.Status) { t.program.Send(foundMsg(found)) }

func (t *liveTable) close() {
	t.once.Do(func() {
		t.program.Send(foundMsg(nil)) // the report follows; leave no second copy above it
		t.program.Quit()
		<-t.done
	})
}

type (
	saidMsg  string
	foundMsg []operator.Status
)

type tableModel struct {
	said  []string
	found []operator.Status
	width int
}

func (m tableModel) Init() tea.Cmd { return nil }

func (m tableModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case saidMsg:
		m.said = append(m.said, string(msg))
	case foundMsg:
		m.found = msg
	case tea.WindowSizeMsg:
		m.width = msg.Width
	}
	return m, nil
}

func (m tableModel) View() tea.View {
	var b strings.Builder
	for _, s := range m.said {
		b.WriteString(s + "\n")
	}
	if len(m.found) == 1 {
		b.WriteString(terminal.Report(m.found[0], m.width))
	} else {
		b.WriteString(terminal.Overview(m.found)) // tables of several do not fit a screen
	}
	return tea.NewView(lipgloss.NewStyle().Width(m.width).Render(b.String())) // or lines would be cut
}
