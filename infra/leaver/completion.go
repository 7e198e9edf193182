package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"bash, zsh, fish or powershell."`
}

// Help implements kong.HelpProvider.
func (*completionCommand) Help() string {
	return `Prints what makes the shell complete commands, flags and their values.

  source <(leaver completion bash)                                        # or into ~/.bashrc
  leaver completion zsh > "${fpath[1]}/_leaver"
  leaver completion fish > ~/.config/fish/completions/leaver.fish
  leaver completion powershell | Out-String | Invoke-Expression           # or into $PROFILE`
}

// scripts ask the command itself what may come next, so that they never are out of date.
var scripts = map[string]string{
	"bash": `_leaver() {
  local current="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "$(leaver complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "$current"))
}
complete -o default -F _leaver leaver
`,
	"zsh": `#compdef leaver
_leaver() {
  local -a next
  next=(${(f)"$(leaver complete -- "${(@)words[2,CURRENT-1]}" 2>/dev/null)"})
  compadd -a next || _files
}
if [ "$funcstack[1]" = _leaver ]; then # loaded by the first completion, which waits for it
  _leaver "$@"
else
  compdef _leaver leaver
fi
`,
	"fish": `function __leaver_next
  leaver complete -- (commandline -opc)[2..] 2>/dev/null
end
complete -c leaver -n 'count (__leaver_next) >/dev/null' -f -a '(__leaver_next)'
`,
	"powershell": `Register-ArgumentCompleter -Native -CommandName leaver -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($wordToComplete) { $words = @($words | Select-Object -SkipLast 1) }
  leaver complete '--' @words 2>$null | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
`,
}

// Run prints the script.
func (c *completionCommand) Run(on console) error {
	_, err := fmt.Fprint(on.stdout, scripts[c.Shell])
	return err
}

type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints what may follow the words, one a line.
func (c *completeCommand) Run(on console, model *kong.Application) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	for _, next := range follows(model.Node, words) {
		if _, err := fmt.Fprintln(on.stdout, next); err != nil {
			return err
		}
	}
	return nil
}

// follows are the commands, flags or values that may follow some words.
func follows(at *kong.Node, words []string) []string {
	var last *kong.Flag
	for _, word := range words {
		if last = flagOf(at, word); last != nil || strings.HasPrefix(word, "-") {
			continue
		}
		if i := slices.IndexFunc(at.Children, func(n *kong.Node) bool { return n.Name == word }); i >= 0 {
			at = at.Children[i]
		}
	}
	if last != nil && !last.IsBool() {
		if last.Enum == "" {
			return nil // a file, maybe: the shell knows those
		}
		return last.EnumSlice()
	}
	var all []string
	for _, n := range at.Children {
		if !n.Hidden {
			all = append(all, n.Name)
		}
	}
	for _, p := range at.Positional {
		if p.Enum != "" {
			all = append(all, p.EnumSlice()...)
		}
	}
	for _, group := range at.AllFlags(true) {
		for _, f := range group {
			all = append(all, "--"+f.Name)
		}
	}
	return all
}

// flagOf is the flag that a word names without a value; nil when it names none.
func flagOf(at *kong.Node, word string) *kong.Flag {
	for _, group := range at.AllFlags(false) {
		for _, f := range group {
			if word == "--"+f.Name {
				return f
			}
		}
	}
	return nil
}
