package main

import (
	"fmt"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"leaver/shared/offboarding"
)

// view shows the steps of a demo as they happen.
type view interface {
	say(format string, args ...any)
	update([]status)
	close()
}

// newView is a live table on a terminal, a line for every change otherwise, and nothing when
// only JSON is wanted.
func newView(env environment, quiet bool) view {
	if quiet {
		return silent{}
	}
	if width, onTerminal := terminalWidth(env.stdout); onTerminal {
		return newLiveTable(env, width)
	}
	return &lines{env: env, seen: map[string]offboarding.StepState{}}
}

type silent struct{}

func (silent) say(string, ...any) {}
func (silent) update([]status)    {}
func (silent) close()             {}

// lines writes one line for every step that changed its state; that all are planned at first goes
// without saying.
type lines struct {
	env  environment
	seen map[string]offboarding.StepState
}

func (l *lines) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.env.stdout, format+"\n", args...)
}

func (l *lines) update(found []status) {
	for _, s := range found {
		for _, step := range s.Steps {
			key := s.Case + string(step.Name)
			if l.seen[key] == step.State {
				continue
			}
			if was := l.seen[key]; was != "" || step.State != offboarding.StatePlanned {
				l.say("%s", strings.TrimRight(fmt.Sprintf("  %-26s  %-8s  %-10s  %s", s.name(), step.Name, step.State, step.Reason), " "))
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
	env     environment
}

func newLiveTable(env environment, width int) *liveTable {
	t := &liveTable{width: width, done: make(chan struct{}), env: env}
	t.program = tea.NewProgram(tableModel{width: width}, tea.WithContext(env), tea.WithOutput(env.stdout), tea.WithInput(nil), tea.WithoutSignalHandler())
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
		_, _ = fmt.Fprintln(t.env.stdout, text)
	default:
		t.program.Send(saidMsg(text))
	}
}

func (t *liveTable) update(found []status) { t.program.Send(foundMsg(found)) }

func (t *liveTable) close() {
	t.once.Do(func() {
		t.program.Send(foundMsg(nil)) // the report follows; leave no second copy above it
		t.program.Quit()
		<-t.done
	})
}

type (
	saidMsg  string
	foundMsg []status
)

type tableModel struct {
	said  []string
	found []status
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
		b.WriteString(m.found[0].report(m.width))
	} else {
		b.WriteString(overview(m.found)) // tables of several do not fit a screen
	}
	return tea.NewView(lipgloss.NewStyle().Width(m.width).Render(b.String())) // or lines would be cut
}
