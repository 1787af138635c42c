# bash completion for lanefold: the command itself knows its verbs, options and words.
_lanefold() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    if [ -z "$word" ]; then
      compopt -o filenames
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
    else
      COMPREPLY+=("$word")
    fi
  done < <("${COMP_WORDS[0]}" complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _lanefold lanefold
