// What a shell runs at a Tab: it hands the words before the cursor to `muster __complete` and shows
// the answer, a candidate and its note per line. Nothing else is known to the shell, so that what it
// offers is always what this muster takes.

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

const bash = `# muster for bash: eval "$(muster completion bash)" in ~/.bashrc
_muster() {
  local value note
  COMPREPLY=()
  while IFS=$'\\t' read -r value note; do
    COMPREPLY+=("$(printf '%q' "$value")")
  done < <(muster __complete bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o nosort -F _muster muster
`

const zsh = `#compdef muster
# muster for zsh: source <(muster completion zsh) in ~/.zshrc after compinit, or as the file _muster
_muster() {
  local line
  local -a candidates
  for line in "\${(@f)$(muster __complete zsh "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -V muster candidates
}
if [[ "\${funcstack[1]}" == _muster ]]; then _muster "$@"; else compdef _muster muster; fi
`

const fish = `# muster for fish: muster completion fish > ~/.config/fish/completions/muster.fish
function __muster_complete
  set -l words (commandline -opc) (commandline -ct)
  muster __complete fish $words[2..-1] 2>/dev/null
end
complete -c muster -f -a '(__muster_complete)'
`

export const completionScripts = { bash, zsh, fish } as const satisfies Record<Shell, string>
